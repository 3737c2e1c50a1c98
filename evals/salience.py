"""Fit the model of which sentences tell what a paper brings, and measure it.

    python -m evals.salience --aclsum DIR --questions dev.jsonl --store STORE [--write]

Fitted on the highlights of ACLSum's approaches and outcomes, and on the evidence that people named for the facts and the comparisons of labelled questions, each set weighing the same; measured on the evidence of the key
points of topics, which it never saw. The last lines add the sentence's fit to the topic, as summaries do.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.ranking.weights import LogisticModel
from assistant.topics.salience import features
from evals.cases import read_rows
from evals.figures import half_covered, logistic, shown
from store.sentences import split_sentences
from store.store import Store

_TARGET = Path(__file__).resolve().parent.parent / "assistant" / "topics" / "salience.json"
_RIDGE = 10.0
_WEIGHT = 1500.0


@dataclass(frozen=True)
class Abstract:
    """An abstract's sentences with their features, and which of them a reader took down."""

    kind: str
    features: list[dict[str, float]]
    told: list[bool]


def aclsum(folder: Path) -> list[Abstract]:
    """ACLSum's abstracts; told is what is highlighted as approach or outcome."""
    found = []
    for part in ("train", "val"):
        for _, row in read_rows(folder / f"{part}.jsonl"):
            sentences = row["sentences"]["abstract"]
            told = [
                bool(a or b)
                for a, b in zip(row["highlights"]["approach"]["abstract"], row["highlights"]["outcome"]["abstract"], strict=True)
            ]
            found.append(Abstract("ACLSum", features(sentences, row["title"]), told))
    return found


def questions(path: Path, store: Store) -> list[Abstract]:
    """Abstracts with the evidence of facts, of points of comparisons and of key points."""
    places = {str(p): e for e in store.ledger.entries().values() for p in e.provenance}
    found = []

    def add(kind: str, group: Sequence[str] | str, evidence: Sequence[str] | str) -> None:
        entry = places[group if isinstance(group, str) else group[0]]
        sentences = [entry.abstract[s.start : s.end] for s in split_sentences(entry.abstract)]
        named = [evidence] if isinstance(evidence, str) else evidence
        told = [half_covered(sentence, named) for sentence in sentences]
        if any(told):
            found.append(Abstract(kind, features(sentences, entry.title), told))

    for _, row in read_rows(path):
        if row["kind"] == "fact":
            add("facts", row["gold"][0], row["evidence"])
        for kind, name in (("comparisons", "points"), ("key points", "keypoints")):
            for point in row.get(name) or []:
                add(kind, point["group"], point["evidence"])
    return found


def fit(abstracts: Sequence[Abstract]) -> LogisticModel:
    """Fit; each kind of abstracts weighs the same."""
    sizes = Counter(one.kind for one in abstracts)
    names = list(abstracts[0].features[0])
    values = np.array([[row[name] for name in names] for one in abstracts for row in one.features])
    labels = [int(told) for one in abstracts for told in one.told]
    weights = [_WEIGHT / len(sizes) / sizes[one.kind] / len(one.told) for one in abstracts for _ in one.told]
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    beta = logistic(((values - mean) / spread).tolist(), labels, weights, _RIDGE)
    scaled = beta[:-1] / spread
    return LogisticModel({n: round(float(w), 4) for n, w in zip(names, scaled, strict=True)}, round(float(beta[-1] - scaled @ mean), 4))


def report(model: LogisticModel, abstracts: Sequence[Abstract]) -> None:
    """Print how often the sentences ranked first hold one that was taken down."""
    for kind in dict.fromkeys(one.kind for one in abstracts):
        for count in (1, 2, 3):
            hits = []
            for one in (a for a in abstracts if a.kind == kind and any(a.told)):
                ranked = sorted(range(len(one.told)), key=lambda n: -model.probability(one.features[n]))
                hits.append(float(any(one.told[n] for n in ranked[:count])))
            print(f"{kind}, told among the first {count}:", shown(hits))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Fit and measure salience.")
    parser.add_argument("--aclsum", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write the fitted model")
    args = parser.parse_args()
    with Store(args.store) as store:
        abstracts = [*aclsum(args.aclsum), *questions(args.questions, store)]
    model = fit([one for one in abstracts if one.kind != "key points"])
    report(model, abstracts)
    if args.write:
        data = {
            "fitted_on": "ACLSum train and val; facts and comparisons of dev.jsonl",
            "weights": model.weights,
            "intercept": model.intercept,
        }
        _TARGET.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
