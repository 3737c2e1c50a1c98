"""Fit the relevance and refusal models and report their figures on questions left out.

    python -m evals.fit --store STORE --questions dev.jsonl [--write]

Each figure is leave-one-question-out: the models that answer a question never saw it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.analyse import Question, analyse
from assistant.decide import REFUSAL, RELEVANCE, Model, choose, refusal_features, relevance_features
from assistant.evidence import Scored, gather, rank_sentences
from store.store import Store

THRESHOLD = 0.8
_TARGET = Path(__file__).resolve().parent.parent / "assistant" / "calibration.json"


@dataclass(frozen=True)
class Case:
    """A labelled question with what was found for it. ``gold`` and ``maybe`` are entry ids."""

    row: dict[str, Any]
    question: Question
    found: list[Scored]
    gold: frozenset[str]
    maybe: frozenset[str]


def logistic(rows: Sequence[Sequence[float]], labels: Sequence[int], weights: Sequence[float], ridge: float) -> npt.NDArray[np.float64]:
    """Logistic regression by Newton's method with an L2 penalty on all but the intercept.

    Returns:
        Coefficients ``[features + 1]``, the intercept last.
    """
    x = np.column_stack([np.asarray(rows, float), np.ones(len(rows))])
    y, w = np.asarray(labels, float), np.asarray(weights, float)
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 1e-6
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (w * (p - y)) + penalty * beta
        hessian = (x * (w * p * (1 - p) + 1e-9)[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def fit_relevance(cases: Sequence[Case]) -> Model:
    """Fit on every candidate of the cases, borderline ones left out, each question weighing the same."""
    rows, labels, weights = [], [], []
    for case in cases:
        for scored in case.found:
            if scored.entry.id not in case.maybe:
                features = relevance_features(scored)
                rows.append([features[name] for name in RELEVANCE])
                labels.append(int(scored.entry.id in case.gold))
                weights.append(1 / max(1, len(case.gold)))
    beta = logistic(rows, labels, weights, ridge=0.1)
    return Model(dict(zip(RELEVANCE, map(float, beta), strict=False)), float(beta[-1]))


def fit_refusal(cases: Sequence[Case]) -> Model:
    """Fit on answerable questions, the same with the papers that answer them taken away, and absent topics."""
    rows, labels = [], []
    for case in cases:
        for found, label in _refusal_pairs(case):
            features = refusal_features(found)
            rows.append([features[name] for name in REFUSAL])
            labels.append(label)
    beta = logistic(rows, labels, [1.0] * len(rows), ridge=0.1)
    return Model(dict(zip(REFUSAL, map(float, beta), strict=False)), float(beta[-1]))


def _refusal_pairs(case: Case) -> list[tuple[list[Scored], int]]:
    if case.row["kind"] != "unanswerable":
        rest = [s for s in case.found if s.entry.id not in case.gold | case.maybe]
        return [(case.found, 0), (rest, 1)]
    return [(case.found, 1)] if case.row["why"] == "absent-topic" else []


def load_cases(store: Store, path: Path) -> list[Case]:
    """Questions of a labelled file, with what is retrieved for each."""
    place = {str(p): e.id for e in store.ledger.entries().values() for p in e.provenance}
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kind"] in ("which", "fact", "compare", "unanswerable"):
            question = analyse(row["question"])
            text = question.topic if question.mode == "list" else question.text
            gold, maybe = (frozenset(place[group[0]] for group in row.get(name) or ()) for name in ("gold", "maybe"))
            cases.append(Case(row, question, gather(store, text, question), gold, maybe))
    return cases


def returned(case: Case, model: Model) -> list[str]:
    """The set a question gets."""
    ranked = sorted(((probability(s, case.question, model), s.entry.id) for s in case.found), key=lambda x: (-x[0], x[1]))
    return [id for _, id in ranked[: choose([p for p, _ in ranked])]]


def probability(scored: Scored, question: Question, model: Model) -> float:
    """Probability that an entry belongs to the set a question asks for."""
    from assistant.core import member_probability

    return member_probability(scored, question, model)


def f1(ids: Sequence[str], case: Case) -> float:
    """F1 of a returned set, borderline entries removed."""
    kept = [id for id in ids if id not in case.maybe]
    right = len(set(kept) & case.gold)
    return 2 * right / (len(kept) + len(case.gold))


def interval(values: Sequence[float], draws: int = 2000) -> str:
    """Mean with a bootstrap 95% interval, percentile method (Efron 1979)."""
    source = random.Random(0)
    means = sorted(float(np.mean(source.choices(values, k=len(values)))) for _ in range(draws))
    return f"{np.mean(values):.3f} [{means[int(0.025 * draws)]:.3f}, {means[int(0.975 * draws)]:.3f}] n={len(values)}"


def half_covered(quote: str, evidence: Sequence[str]) -> bool:
    """Whether a quote holds an unbroken half of some evidence sentence."""
    from difflib import SequenceMatcher

    return any(
        SequenceMatcher(None, quote, e, autojunk=False).find_longest_match(0, len(quote), 0, len(e)).size >= len(e) / 2 for e in evidence
    )


def report(cases: Sequence[Case]) -> None:
    """Print the figures."""
    facts = [c for c in cases if c.row["kind"] == "fact"]
    ranks = [next((n for n, s in enumerate(c.found, 1) if s.entry.id in c.gold), 999) for c in facts]
    print("fact, gold entry first:", interval([float(r == 1) for r in ranks]))
    print("fact, gold entry in first ten:", interval([float(r <= 10) for r in ranks]))
    top = [any(half_covered(e.quote, c.row["evidence"]) for e in rank_sentences(c.found, 8)[:3]) for c in facts]
    print("fact, gold evidence in first three quotes:", interval([float(t) for t in top]))
    which = [c for c in cases if c.row["kind"] == "which"]
    scores = [f1(returned(c, fit_relevance([o for o in which if o is not c])), c) for c in which]
    print("which, F1 of the set, leave one question out:", interval(scores))
    cuts = {k: float(np.mean([f1([s.entry.id for s in c.found[:k]], c) for c in which])) for k in range(1, 21)}
    best = max(cuts, key=lambda k: cuts[k])
    print(f"which, best fixed cut: {cuts[best]:.3f} (first {best})")
    chances = {id(c): fit_refusal([o for o in cases if o is not c]).probability(refusal_features(c.found)) for c in cases}
    for threshold in (0.6, 0.7, THRESHOLD, 0.9):
        line = [f"refusal at {threshold}:"]
        for name in ("answerable", "absent-topic", "detail-not-in-abstract", "false-premise"):
            group = [c for c in cases if c.row.get("why", "answerable") == name]
            line.append(f"{name} {np.mean([chances[id(c)] > threshold for c in group]):.3f} n={len(group)}")
        print("  ".join(line))
    for case, score in zip(which, scores, strict=True):
        if score < 0.5:
            print(f"  low: {score:.2f} {case.row['question']} ({len(case.gold)})")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit and report.")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write the models fitted on all questions")
    args = parser.parse_args()
    with Store(args.store) as store:
        cases = load_cases(store, args.questions)
    report(cases)
    if args.write:
        relevance, refusal = fit_relevance([c for c in cases if c.row["kind"] == "which"]), fit_refusal(cases)
        data = {
            "fitted_on": {"file": args.questions.name, "questions": len(cases)},
            "relevance": {"weights": relevance.weights, "intercept": relevance.intercept},
            "refusal": {"weights": refusal.weights, "intercept": refusal.intercept, "threshold": THRESHOLD},
        }
        _TARGET.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
