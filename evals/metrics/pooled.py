"""Metrics of a whole set of cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evals.metrics.scored import ScoredCase

Pooled = Callable[[Sequence[ScoredCase]], float | None]
_BINS = 10


def _answerable(cases: Sequence[ScoredCase]) -> list[tuple[bool, bool, float]]:
    """(should be answered, refused, confidence) of each case that a refusal metric is about. A false premise may be answered."""
    rows = []
    for scored in cases:
        kind, outcome = scored.case.kind, scored.outcome
        if kind in ("fact", "which", "compare", "unanswerable") and scored.case.why != "false-premise" and outcome.status != "unsupported":
            rows.append((kind != "unanswerable", outcome.status == "abstained", -1.0 if outcome.confidence is None else outcome.confidence))
    return rows


def refusal_precision(cases: Sequence[ScoredCase]) -> float | None:
    """Share of the refused that cannot be answered."""
    refused = [answerable for answerable, refused, _ in _answerable(cases) if refused]
    return refused.count(False) / len(refused) if refused else None


def refusal_recall(cases: Sequence[ScoredCase]) -> float | None:
    """Share of those that cannot be answered that are refused."""
    hopeless = [refused for answerable, refused, _ in _answerable(cases) if not answerable]
    return sum(hopeless) / len(hopeless) if hopeless else None


def refusal_auroc(cases: Sequence[ScoredCase]) -> float | None:
    """Probability that an answerable question has more confidence than one that is not (Hanley and McNeil 1982)."""
    rows = [(answerable, confidence) for answerable, _, confidence in _answerable(cases) if confidence >= 0]
    yes = np.array([c for answerable, c in rows if answerable])
    no = np.array([c for answerable, c in rows if not answerable])
    if not len(yes) or not len(no):
        return None
    gaps = yes[:, None] - no[None, :]
    return float((gaps > 0).mean() + 0.5 * (gaps == 0).mean())


def risk_coverage(cases: Sequence[ScoredCase]) -> list[tuple[float, float]]:
    """(coverage, risk) as more questions are answered, the surest first; risk is the share of them that cannot be answered (El-Yaniv and Wiener 2010)."""
    rows = sorted(((confidence, answerable) for answerable, _, confidence in _answerable(cases) if confidence >= 0), reverse=True)
    wrong, curve = 0, []
    for number, (_, answerable) in enumerate(rows, start=1):
        wrong += not answerable
        curve.append((number / len(rows), wrong / number))
    return curve


def aurc(cases: Sequence[ScoredCase]) -> float | None:
    """Area under the risk-coverage curve (Geifman and El-Yaniv 2017); less is better."""
    curve = risk_coverage(cases)
    return float(np.mean([risk for _, risk in curve])) if curve and any(risk for _, risk in curve) else None


def calibration_error(cases: Sequence[ScoredCase]) -> float | None:
    """Expected calibration error of the confidence in ten bins of equal width (Naeini et al. 2015)."""
    rows = [(confidence, answerable) for answerable, _, confidence in _answerable(cases) if confidence >= 0]
    if not rows or all(answerable for _, answerable in rows):
        return None
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, answerable in rows:
        bins.setdefault(min(_BINS - 1, int(confidence * _BINS)), []).append((confidence, answerable))
    return sum(
        len(held) / len(rows) * abs(float(np.mean([c for c, _ in held])) - float(np.mean([a for _, a in held]))) for held in bins.values()
    )


def set_micro_f1(cases: Sequence[ScoredCase]) -> float | None:
    """F1 over all papers of all set questions together."""
    counts = [s.counts["set"] for s in cases if "set" in s.counts]
    if not counts:
        return None
    right, returned, wanted = (sum(column) for column in zip(*counts, strict=True))
    return 2 * right / (returned + wanted) if returned + wanted else None


def rationale_micro_f1(cases: Sequence[ScoredCase]) -> float | None:
    """F1 over all sentences together: SciFact's selection-only F1, the abstract being given."""
    counts = [s.counts["rationale"] for s in cases if "rationale" in s.counts]
    if not counts:
        return None
    right, selected, wanted, kept = (sum(column) for column in zip(*counts, strict=True))
    precision, recall = (right / selected if selected else 0.0), (kept / wanted if wanted else 0.0)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _seconds(share: float) -> Pooled:
    def value(cases: Sequence[ScoredCase]) -> float | None:
        times = [s.outcome.seconds for s in cases if s.outcome.seconds > 0]
        return float(np.quantile(times, share)) if times else None

    return value


def _mean_of(name: str) -> Pooled:
    def value(cases: Sequence[ScoredCase]) -> float | None:
        values = [getattr(s.outcome, name) for s in cases if s.outcome.status != "unsupported"]
        return float(np.mean(values)) if any(values) else None

    return value


POOLED: dict[str, Pooled] = {
    "set micro F1": set_micro_f1,
    "rationale micro F1": rationale_micro_f1,
    "refusal precision": refusal_precision,
    "refusal recall": refusal_recall,
    "refusal AUROC": refusal_auroc,
    "AURC": aurc,
    "calibration error": calibration_error,
    "seconds p50": _seconds(0.5),
    "seconds p95": _seconds(0.95),
    "prompt tokens": _mean_of("prompt_tokens"),
    "tokens": _mean_of("tokens"),
    "calls": _mean_of("calls"),
    "cost": _mean_of("cost"),
}


def pooled(cases: Sequence[ScoredCase]) -> dict[str, float]:
    """Every pooled metric that applies."""
    return {name: value for name, metric in POOLED.items() if (value := metric(cases)) is not None}
