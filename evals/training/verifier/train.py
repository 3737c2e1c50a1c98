"""Train the entailment model and write it where the verifier finds it.

    python -m evals.training.verifier.train --corpus ../shared/eval/ml_corpus --aclsum ../shared/eval/aclsum --base model.onnx --keep FOLDER

Needs torch, onnx and about an hour and a half on two cores. One pass over pairs made by rules, two over the written ones, one over a mixture of both, of sentences taken word for word, and of ACLSum's
summaries. The cases of ACLSum that the verifier is measured on, SciFact and the development questions are not read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from evals.training.verifier.network import PairNetwork, write
from evals.training.verifier.rows import DATA, KINDS, Example, mixed_examples, pieces, summary_examples, written_examples
from evals.training.verifier.rules import made_examples
from store.embed import OnnxEmbedder, shipped_embedder

_MODELS = Path(__file__).resolve().parents[3]
_TARGET = _MODELS / "assistant" / "verify" / "model"
_MADE = 13_000
_MIXED = 4_500
_RATE = 1e-4
_LAST_RATE = 6e-5
_WARM = 0.06
_DROPOUT = 0.1
# Tokens a batch, and examples sorted by length together.
_BATCH = 1_400
_POOL = 400
_FROZEN = 2
# Right sentences weigh more, being fewer; the kind of wrong is a lesser aim than right or wrong.
_RIGHT = 1.5
_KIND = 0.3

Encoded = tuple[list[int], list[int], int]


def encode(examples: Sequence[Example], embedder: OnnxEmbedder) -> list[Encoded]:
    """Ids, segments and class of each example."""
    return [(*pieces(embedder.word_pieces, e.title, e.evidence, e.claim), KINDS.index(e.kind)) for e in examples]


def batches(data: Sequence[Encoded], random: Random) -> list[list[int]]:
    """Places of examples of about one length, in random order."""
    order = list(range(len(data)))
    random.shuffle(order)
    found: list[list[int]] = []
    for start in range(0, len(order), _POOL):
        batch: list[int] = []
        for place in sorted(order[start : start + _POOL], key=lambda n: len(data[n][0])):
            if batch and (len(batch) + 1) * len(data[place][0]) > _BATCH:
                found.append(batch)
                batch = []
            batch.append(place)
        found.append(batch)
    random.shuffle(found)
    return found


def padded(data: Sequence[Encoded], batch: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, segments, which tokens are there, and classes."""
    length = max(len(data[n][0]) for n in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    segments = torch.zeros_like(ids)
    held = torch.zeros(len(batch), length, dtype=torch.bool)
    for row, n in enumerate(batch):
        size = len(data[n][0])
        ids[row, :size] = torch.tensor(data[n][0])
        segments[row, :size] = torch.tensor(data[n][1])
        held[row, :size] = True
    return ids, segments, held, torch.tensor([data[n][2] for n in batch])


def loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross entropy of right against wrong, and a share of that of the kinds."""
    logs = F.log_softmax(logits, -1)
    wrong = torch.logsumexp(logs[:, 1:], -1)
    weight = torch.where(classes == 0, _RIGHT, 1.0)
    return (weight * (-torch.where(classes == 0, logs[:, 0], wrong) - _KIND * logs.gather(1, classes[:, None])[:, 0])).mean()


def school(network: PairNetwork, data: Sequence[Encoded], epochs: int, rate: float, say: Callable[[str], None], seed: int = 0) -> None:
    """Train a network in place: AdamW, the rate rising at first and then falling to nothing."""
    random = Random(seed)
    torch.manual_seed(seed)
    plan = [batch for _ in range(epochs) for batch in batches(data, random)]
    weights = [w for w in network.parameters() if w.requires_grad]
    optimizer = torch.optim.AdamW(weights, rate, weight_decay=0.01)
    began = time.monotonic()
    network.train()
    mean = 0.0
    for step, batch in enumerate(plan):
        share = step / len(plan)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, share / _WARM) * (1 - share)
        ids, segments, held, classes = padded(data, batch)
        value = loss(network(ids, segments, held, _DROPOUT), classes)
        value.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        mean += (value.item() - mean) / min(step + 1, 100)
        if step % 100 == 0:
            say(f"{step} of {len(plan)}, loss {mean:.3f}, {time.monotonic() - began:.0f} s")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Train the entailment model.")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of ml_corpus")
    parser.add_argument("--aclsum", type=Path, required=True, help="folder of ACLSum")
    parser.add_argument(
        "--base", type=Path, required=True, help="all-MiniLM-L6-v2's model.onnx, from evals.training.export without --models"
    )
    parser.add_argument(
        "--keep", type=Path, required=True, help="folder to keep the weights of each pass in; a pass that is kept is not done again"
    )
    args = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    embedder = shipped_embedder()
    torch.manual_seed(0)
    network = PairNetwork(args.base, len(KINDS), _FROZEN)
    used = {json.loads(line)["id"] for line in DATA.read_text(encoding="utf-8").splitlines()}
    written = written_examples(args.corpus, embedder, held=False)

    def made(count: int, seed: int) -> list[Example]:
        return made_examples(args.corpus, count, used, seed)

    passes: tuple[tuple[str, Callable[[], list[Example]], int, float], ...] = (
        ("made", lambda: made(_MADE, 3), 1, _RATE),
        ("written", lambda: written, 2, _RATE),
        ("mixed", lambda: [*mixed_examples(written, made(_MIXED, 5)), *summary_examples(args.aclsum)], 1, _LAST_RATE),
    )
    args.keep.mkdir(parents=True, exist_ok=True)
    for number, (name, examples, epochs, rate) in enumerate(passes):
        kept = args.keep / f"{name}.pt"
        if kept.exists():
            network.load_state_dict(torch.load(kept))
            continue
        data = encode(examples(), embedder)
        say(f"{name}: {len(data)} examples")
        school(network, data, epochs, rate, say, seed=number)
        torch.save(network.state_dict(), kept)
    write(network.eval(), args.base, _TARGET / "model.onnx")
    digest = hashlib.sha256((_TARGET / "model.onnx").read_bytes()).hexdigest()
    card = {"name": "evidence-claim-MiniLM-L6-int8", "kinds": KINDS, "from": "all-MiniLM-L6-v2", "sha256": digest}
    (_TARGET / "model.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
