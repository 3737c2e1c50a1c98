"""Fit the verifier, and measure it on what it was not fitted on.

    python -m evals.verifier --aclsum DIR --corpus ML_CORPUS [--scifact DIR] [--questions dev.jsonl --store STORE] [--write]

What the entailment model and the features are worth is fitted on ACLSum: experts' one-sentence summaries with the abstract's sentences that bear them out (right), alterations of them written by hand by
someone who had not seen the verifier (``evals/data/alterations.jsonl``), and the evidence of the two papers nearest in meaning (mis-citations); and on the written sentences that the entailment model was
not schooled on. Measured by five-fold cross-validation there, and, never fitted on, on the development questions' key points and points of comparison with their own alterations and with evidence of
other papers on the same topic, and on SciFact's claims.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.verify import Premise, Verifier
from evals.agreement import scifact_pairs
from evals.cases import read_rows
from evals.figures import logistic, shown
from evals.loaders import load
from store.embed import Embedder, shipped_embedder
from store.store import Store

_ALTERATIONS = Path(__file__).resolve().parent / "data" / "alterations.jsonl"
_TARGET = Path(__file__).resolve().parent.parent / "assistant" / "verify" / "verifier.json"
# Share of right sentences that weighing may reject, the mean of ACLSum and the written ones.
ALLOWED = 0.05
# Share of those that may pass where evidence is searched for.
SLIPS = 0.01
# And no less than this: of what a small model wrote without citing, a reader found hardly anything below it borne out (docs/verification.md).
READ = 0.9
_RIDGE = 3.0
_FOLDS = 5
_ANSWER = 4
_NEAREST = 2
_WRITTEN = "written "


@dataclass(frozen=True)
class Pair:
    """A sentence, what it cites, what kind of pair it is (``right`` where the evidence bears it out) and of which case."""

    case: str
    kind: str
    sentence: str
    premise: Premise

    @property
    def right(self) -> bool:
        """Whether the evidence bears the sentence out."""
        return self.kind.startswith("right")

    @property
    def written(self) -> bool:
        """Whether it is one of the sentences written for papers of ml_corpus."""
        return self.case.startswith(_WRITTEN)


@dataclass(frozen=True)
class Item:
    """A right sentence with its evidence, and its alterations by kind."""

    case: str
    entry: str
    kind: str
    sentence: str
    premise: Premise
    alterations: tuple[tuple[str, str], ...]


def pairs(items: Sequence[Item], embedder: Embedder) -> list[Pair]:
    """Right pairs, altered ones, and mis-citations: each sentence with the evidence of the two other papers nearest to it."""
    vectors = np.array([embedder.embed_query(item.premise.text) for item in items])
    found = []
    for item in items:
        found.append(Pair(item.case, item.kind, item.sentence, item.premise))
        found += [Pair(item.case, kind, text, item.premise) for kind, text in item.alterations]
        order = np.argsort(-(vectors @ embedder.embed_query(item.sentence)))
        others = [items[n] for n in order if items[n].entry != item.entry][:_NEAREST]
        found += [Pair(item.case, "mis-citation", item.sentence, other.premise) for other in others]
    return found


def _alterations(name: str) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(_ALTERATIONS) if row["set"] == name]


def _altered(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((one["kind"], one["text"]) for one in row["alterations"])


def aclsum_items(folder: Path) -> list[Item]:
    """ACLSum's summaries that have alterations, less those that their reader doubted, and paraphrases of sentences with figures."""
    dataset = load(str(folder))
    documents = {row["id"]: row for row in map(json.loads, dataset.documents)}
    cases = {case.id: case for case in dataset.cases}
    items = []
    for row in _alterations("aclsum"):
        if row.get("doubtful"):
            continue
        if "case" in row:
            case = cases[row["case"]]
            paper, sentence, evidence, kind = documents[case.gold[0][0]], case.asked, case.evidence, "right"
        else:
            paper, sentence, kind = documents[row["entry"]], row["right"], "right, figures"
            evidence = (paper["abstract"][slice(*row["span"])],)
        premise = Premise(tuple(evidence), f"{paper['title']}. {paper['abstract']}", paper["title"] or "")
        items.append(Item(f"{paper['id']}-{sentence[:20]}", paper["id"], kind, sentence, premise, _altered(row)))
    return items


def question_items(path: Path, folder: Path) -> list[Item]:
    """Key points and points of comparison of labelled questions, and paraphrases of the corpus's sentences with figures."""
    cases = {row["id"]: row for _, row in read_rows(path)}
    items = []
    with Store(folder) as store:
        places = {str(p): e for e in store.ledger.entries().values() for p in e.provenance}
    for row in _alterations("corpus_questions"):
        if "case" in row:
            point = cases[row["case"]][row["field"]][row["index"]]
            group = point["group"]
            entry = places[group[0] if isinstance(group, list) else group]
            sentence, kind = point["statement" if row["field"] == "keypoints" else "point"], "right"
            evidence = [point["evidence"]] if isinstance(point["evidence"], str) else point["evidence"]
        else:
            entry, sentence, kind = places[row["entry"]], row["right"], "right, figures"
            evidence = [entry.abstract[slice(*row["span"])]]
        premise = Premise(tuple(evidence), f"{entry.title or ''}. {entry.abstract}", entry.title or "")
        items.append(Item(f"{entry.id}-{sentence[:20]}", entry.id, kind, sentence, premise, _altered(row)))
    return items


def written(folder: Path, embedder: Embedder) -> list[Pair]:
    """Written sentences of papers of ml_corpus that the entailment model was not schooled on."""
    from evals.training.verifier.rows import written_examples

    return [
        Pair(f"{_WRITTEN}{one.span}", one.kind, one.claim, Premise((one.evidence,), f"{one.title}. {one.evidence}", one.title))
        for one in written_examples(folder, embedder, held=True)
    ]


def scifact(folder: Path) -> list[Pair]:
    """SciFact's claims: supported, contradicted, and with a cited abstract that says nothing of them."""
    found = []
    for number, one in enumerate(scifact_pairs(folder)):
        kind = "right, SciFact SUPPORT" if one.supported else "SciFact CONTRADICT or no evidence"
        found.append(Pair(str(number), kind, one.statement, Premise((one.premise,), one.premise)))
    return found


def is_hard(features: Mapping[str, float]) -> bool:
    """Whether a pair is rejected before anything is weighed."""
    return any(features[name] > 0 for name in Verifier.hard)


def fit(features: Sequence[Mapping[str, float]], found: Sequence[Pair]) -> tuple[dict[str, float], float]:
    """Logistic weights; right and wrong pairs weigh the same, and so does each kind of either in each of the two sets."""
    names = list(features[0])
    values = np.array([[row[name] for name in names] for row in features])
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    sizes = Counter((pair.written, pair.kind) for pair in found)
    kinds = Counter(kind.startswith("right") for _, kind in sizes)
    weights = [len(found) / 2 / (sizes[pair.written, pair.kind] * kinds[pair.right]) for pair in found]
    beta = logistic(((values - mean) / spread).tolist(), [int(pair.right) for pair in found], weights, _RIDGE)
    scaled = beta[:-1] / spread
    return dict(zip(names, map(float, scaled), strict=True)), float(beta[-1] - scaled @ mean)


def chance(model: tuple[dict[str, float], float], features: Mapping[str, float]) -> float:
    """Probability that a pair is right, by a model."""
    score = model[1] + sum(weight * features[name] for name, weight in model[0].items())
    return float(1 / (1 + np.exp(-np.clip(score, -50, 50))))


def cross_validated(features: Sequence[Mapping[str, float]], found: Sequence[Pair]) -> list[float]:
    """For each pair, its probability by a model fitted without its case."""
    folds = [hashlib.sha256(pair.case.encode()).digest()[0] % _FOLDS for pair in found]
    chances = [0.0] * len(found)
    for fold in range(_FOLDS):
        kept = [n for n, one in enumerate(folds) if one != fold]
        model = fit([features[n] for n in kept], [found[n] for n in kept])
        for n, one in enumerate(folds):
            if one == fold:
                chances[n] = chance(model, features[n])
    return chances


def threshold(chances: Sequence[float], features: Sequence[Mapping[str, float]], found: Sequence[Pair]) -> float:
    """The greatest that rejects no more than the allowed share of the right pairs that no hard rule rejects, the two sets counting alike."""
    right: dict[bool, list[float]] = {True: [], False: []}
    for value, row, pair in zip(chances, features, found, strict=True):
        if pair.right and not is_hard(row):
            right[pair.written].append(value)
    groups = [np.array(values) for values in right.values() if values]
    fit_for_it = [limit for limit in np.linspace(0, 1, 1001) if np.mean([(values < limit).mean() for values in groups]) <= ALLOWED]
    return float(fit_for_it[-1])


def strict_threshold(chances: Sequence[float], features: Sequence[Mapping[str, float]], found: Sequence[Pair]) -> float:
    """The least that lets no more than a small share of what goes beyond the evidence through: mis-citations, added clauses, wider claims."""
    beyond = ("mis-citation", "topic", "clause", "wider")
    wrong = [0.0 if is_hard(f) else c for c, f, pair in zip(chances, features, found, strict=True) if pair.kind in beyond]
    return max(READ, sorted(wrong)[-int(SLIPS * len(wrong)) - 1] + 1e-9)


def report(title: str, chances: Sequence[float], features: Sequence[Mapping[str, float]], found: Sequence[Pair], limit: float) -> None:
    """Print the share rejected of each kind, and the area under the ROC curve."""
    print(f"\n{title}: share rejected at {limit:.3f}")
    by_kind: dict[str, list[float]] = {}
    scores = [0.0 if is_hard(f) else c for c, f in zip(chances, features, strict=True)]
    for score, pair in zip(scores, found, strict=True):
        by_kind.setdefault(pair.kind, []).append(float(score < limit))
    for kind, values in sorted(by_kind.items(), key=lambda x: (not x[0].startswith("right"), x[0])):
        print(f"  {kind}:", shown(values))
    good = np.array([s for s, p in zip(scores, found, strict=True) if p.right])
    for kind in sorted({p.kind for p in found if not p.right}):
        bad = np.array([s for s, p in zip(scores, found, strict=True) if p.kind == kind])
        area = float((good[:, None] > bad[None, :]).mean() + 0.5 * (good[:, None] == bad[None, :]).mean())
        print(f"  AUROC against {kind}: {area:.3f}")


def _seconds(found: Sequence[Pair], verifier: Verifier) -> float:
    """Median seconds to verify an answer of sentences not seen before, by a verifier whose model is loaded."""
    taken = []
    right = [pair for pair in found if pair.right]
    verifier.verify("The model is loaded.", Premise(("The model is loaded.",)))
    for start in range(0, len(right) - _ANSWER, _ANSWER):
        began = time.perf_counter()
        for pair in right[start : start + _ANSWER]:
            verifier.verify(pair.sentence, pair.premise)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Fit and measure the verifier.")
    parser.add_argument("--aclsum", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of ml_corpus")
    parser.add_argument("--scifact", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--write", action="store_true", help="write the fitted model")
    args = parser.parse_args()
    embedder = shipped_embedder()
    verifier = Verifier(embedder)

    def features_of(found: Sequence[Pair]) -> list[dict[str, float]]:
        return [verifier.features(pair.sentence, pair.premise)[0] for pair in found]

    own = [*pairs(aclsum_items(args.aclsum), embedder), *written(args.corpus, embedder)]
    seconds = _seconds(own, verifier)
    features = features_of(own)
    model = fit(features, own)
    chances = cross_validated(features, own)
    limit = threshold([chance(model, row) for row in features], features, own)
    strict = strict_threshold(chances, features, own)
    passed = [c >= strict and not is_hard(f) for c, f, p in zip(chances, features, own, strict=True) if p.right]
    print(f"strict threshold {strict:.3f}: {sum(passed) / len(passed):.3f} of the right pass")
    for title, of_written in (("ACLSum", False), ("written sentences kept from schooling", True)):
        some = [n for n, pair in enumerate(own) if pair.written is of_written]
        report(f"{title}, cross-validated", [chances[n] for n in some], [features[n] for n in some], [own[n] for n in some], limit)
    for name, weight in sorted(model[0].items(), key=lambda x: -abs(x[1])):
        print(f"    {name} {weight:+.2f}")
    others = []
    if args.questions and args.store:
        others.append(("development questions, not fitted on", pairs(question_items(args.questions, args.store), embedder)))
    if args.scifact:
        others.append(("SciFact, not fitted on", scifact(args.scifact)))
    for title, found in others:
        rows = features_of(found)
        report(title, [chance(model, row) for row in rows], rows, found, limit)
    print(f"\nverifying an answer of {_ANSWER} sentences: {1000 * seconds:.0f} ms")
    if args.write:
        data = {
            "fitted_on": "ACLSum train, alterations of it, and written sentences kept from schooling",
            "weights": model[0],
            "intercept": model[1],
            "threshold": limit,
            "strict": strict,
        }
        _TARGET.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
