"""Fit the relevance and refusal models and report their figures on questions left out.

    python -m evals.fit --store STORE --questions dev.jsonl [--write]

Each figure is leave-one-question-out: the models that answer a question never saw it. The refusal model also learns from
``evals/data/refusal_train.jsonl``, questions of our own on the same corpus, on which no figure is computed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.analyse import Question, analyse, content_terms, facet_topic
from assistant.core import Assistant
from assistant.decide import RELEVANCE, Model, choose, lacks_detail, refusal_features, relevance_features
from assistant.evidence import Scored, gather, term_weights
from assistant.types import Answer
from assistant.write.extractive import ranked_members
from evals.metrics.cases import half
from evals.report.text import interval, number
from evals.stats import mean
from store.store import Store

# At most this share of answerable questions may be refused; the threshold follows from it.
ALLOWED = 0.05
_OWN = Path(__file__).resolve().parent / "data" / "refusal_train.jsonl"
_TARGET = Path(__file__).resolve().parent.parent / "assistant" / "calibration.json"


@dataclass(frozen=True)
class Case:
    """A labelled question with what was found for it. ``gold`` and ``maybe`` are entry ids."""

    row: dict[str, Any]
    question: Question
    found: list[Scored]
    parts: list[list[Scored]]
    idf: dict[str, float]
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


def fit_refusal(cases: Sequence[Case], relevance: Model) -> Model:
    """Fit on answerable questions and absent topics."""
    rows, labels = [], []
    for case in cases:
        if case.row.get("why", "absent-topic") == "absent-topic":
            rows.append(refusal_features(case.found, case.idf, case.question, relevance))
            labels.append(int(case.row["kind"] == "unanswerable"))
    names = list(rows[0])
    values = np.array([[row[name] for name in names] for row in rows])
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    beta = logistic(((values - mean) / spread).tolist(), labels, [1.0] * len(rows), ridge=10.0)
    weights = beta[:-1] / spread
    return Model(dict(zip(names, map(float, weights), strict=True)), float(beta[-1] - weights @ mean))


def threshold(chances: Sequence[float]) -> float:
    """The least probability that refuses no more than the allowed share of answerable questions.

    Args:
        chances: the probabilities given to answerable questions by models that did not see them.
    """
    return sorted(chances)[-int(ALLOWED * len(chances)) - 1] + 1e-6


def load_cases(store: Store, path: Path) -> list[Case]:
    """Questions of a labelled file, with what is retrieved for each."""
    place = {str(p): e.id for e in store.ledger.entries().values() for p in e.provenance}
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kind"] in ("which", "fact", "compare", "unanswerable"):
            question = analyse(row["question"])
            text = (facet_topic(question) or question.topic) if question.mode == "list" else question.text
            gold, maybe = (frozenset(place[group[0]] for group in row.get(name) or ()) for name in ("gold", "maybe"))
            parts = [gather(store, part, question) for part in question.parts]
            cases.append(Case(row, question, gather(store, text, question), parts, term_weights(store, content_terms(text)), gold, maybe))
    return cases


def returned(case: Case, model: Model) -> list[str]:
    """The set a question gets."""
    ranked = ranked_members([case.found, *case.parts], case.question, model)
    return [s.entry.id for _, s in ranked[: choose([p for p, _ in ranked])]]


def f1(ids: Sequence[str], case: Case) -> float:
    """F1 of a returned set, borderline entries removed."""
    kept = [id for id in ids if id not in case.maybe]
    right = len(set(kept) & case.gold)
    return 2 * right / (len(kept) + len(case.gold))


def shown(values: Sequence[float]) -> str:
    """Mean with its 95% interval and n."""
    estimate = mean(values)
    return f"{number(estimate.value)} {interval(estimate)} n={estimate.n}"


def half_covered(quote: str, evidence: Sequence[str]) -> bool:
    """Whether a quote covers some evidence sentence."""
    return any(half(quote, sentence) for sentence in evidence)


def report(cases: Sequence[Case], own: Sequence[Case], answers: Mapping[str, Answer]) -> None:
    """Print the figures."""
    facts = [c for c in cases if c.row["kind"] == "fact"]
    ranks = [next((n for n, s in enumerate(c.found, 1) if s.entry.id in c.gold), 999) for c in facts]
    print("fact, gold entry first:", shown([float(r == 1) for r in ranks]))
    print("fact, gold entry in first ten:", shown([float(r <= 10) for r in ranks]))
    rows = [answers[c.row["id"]].citations for c in facts]
    top = [any(half_covered(e.quote, c.row["evidence"]) for e in cited[:3]) for c, cited in zip(facts, rows, strict=True)]
    print("fact, gold evidence in first three citations:", shown([float(t) for t in top]))
    compares = [c for c in cases if c.row["kind"] == "compare"]
    points = [
        float(np.mean([any(half_covered(e.quote, p["evidence"]) for e in answers[c.row["id"]].citations) for p in c.row["points"]]))
        for c in compares
    ]
    print("compare, share of points whose evidence is quoted:", shown(points))
    sides = [len(c.gold & {e.id for e in answers[c.row["id"]].citations}) / len(c.gold) for c in compares]
    print("compare, share of gold papers cited:", shown(sides))
    which = [c for c in cases if c.row["kind"] == "which"]
    scores = [f1(returned(c, fit_relevance([o for o in which if o is not c])), c) for c in which]
    print("which, F1 of the set, leave one question out:", shown(scores))
    cuts = {k: float(np.mean([f1([s.entry.id for s in c.found[:k]], c) for c in which])) for k in range(1, 21)}
    best = max(cuts, key=lambda k: cuts[k])
    print(f"which, best fixed cut: {cuts[best]:.3f} (first {best})")
    report_refusal(cases, own)
    for case, score in zip(which, scores, strict=True):
        if score < 0.5:
            print(f"  low: {score:.2f} {case.row['question']} ({len(case.gold)})")


def refusal_chances(cases: Sequence[Case], own: Sequence[Case]) -> list[float]:
    """For each case, the probability of refusal by models fitted on the others. Questions for a kind of paper are never refused by it."""
    chances = []
    for case in cases:
        others = [c for c in cases if c is not case]
        relevance = fit_relevance([c for c in others if c.row["kind"] == "which"])
        model = fit_refusal([*others, *own], relevance)
        asked = case.question.facet is None
        chances.append(model.probability(refusal_features(case.found, case.idf, case.question, relevance)) if asked else 0.0)
    return chances


def report_refusal(cases: Sequence[Case], own: Sequence[Case]) -> None:
    """Print the share refused of each kind, each question by a model and a threshold that did not see it."""
    chances = refusal_chances(cases, own)
    answerable = [c.row["kind"] != "unanswerable" for c in cases]
    refused: dict[str, list[float]] = {}
    for n, (case, chance) in enumerate(zip(cases, chances, strict=True)):
        limit = threshold([p for m, p in enumerate(chances) if answerable[m] and m != n])
        refused.setdefault(case.row.get("why", "answerable"), []).append(float(chance > limit or lacks_detail(case.found, case.question)))
    for name, values in refused.items():
        print(f"refused, {name}:", shown(values))
    print(f"refusal threshold from all of them: {threshold([p for p, a in zip(chances, answerable, strict=True) if a]):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit and report.")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write the models fitted on all questions")
    args = parser.parse_args()
    with Store(args.store) as store:
        cases = load_cases(store, args.questions)
        own = load_cases(store, _OWN)
    assistant = Assistant(args.store)
    report(cases, own, {c.row["id"]: assistant.ask(c.row["question"]) for c in cases})
    assistant.close()
    if args.write:
        relevance = fit_relevance([c for c in cases if c.row["kind"] == "which"])
        refusal = fit_refusal([*cases, *own], relevance)
        chances = refusal_chances(cases, own)
        limit = threshold([p for p, c in zip(chances, cases, strict=True) if c.row["kind"] != "unanswerable"])
        data = {
            **json.loads(_TARGET.read_text(encoding="utf-8")),
            "fitted_on": {"files": [args.questions.name, _OWN.name], "questions": len(cases) + len(own)},
            "relevance": {"weights": relevance.weights, "intercept": relevance.intercept},
            "refusal": {"weights": refusal.weights, "intercept": refusal.intercept, "threshold": limit},
        }
        _TARGET.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
