"""The worst cases of a result, to be read: what they have in common is what to improve.

A set is split into halves by a hash of the case's id, the same on every machine. Read the worst of half ``a``, change what they have in common, and compare before
and after on half ``b``, which nobody looked at.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from evals.metrics.scored import ScoredCase
from evals.results import Result

Half = Literal["a", "b"]

# What a kind is judged by first; the later ones decide between equals.
WATCHED = {
    "which": ("set F1", "nDCG@10"),
    "fact": ("evidence in first 3", "gold first", "evidence recall"),
    "compare": ("points covered", "sides cited"),
    "unanswerable": ("refused: absent-topic", "refused: detail-not-in-abstract", "premise denied"),
    "retrieval": ("nDCG@10", "recall@20", "recall@100"),
    "rationale": ("rationale F1", "rationale recall"),
    "topic": ("member recall", "key-point recall"),
    "followup": ("evidence in first 3", "evidence recall"),
}


def half(id: str) -> Half:
    """Which half of its set a case is in, by a hash of its id."""
    return "a" if hashlib.sha256(id.encode()).digest()[0] % 2 == 0 else "b"


def worst(result: Result, count: int = 10, *, kind: str | None = None, within: Half | None = None) -> list[ScoredCase]:
    """The cases of each kind with the lowest scores, lowest first; perfect ones are left out.

    Args:
        result: a finished run.
        count: how many of each kind.
        kind: only of this kind.
        within: only of this half.
    """
    kept: list[ScoredCase] = []
    for one, metrics in WATCHED.items():
        if kind not in (None, one):
            continue
        cases = [s for s in result.cases if s.case.kind == one and s.scores and within in (None, half(s.case.id))]
        judged = [(_standing(s, metrics), s) for s in cases]
        kept += [s for standing, s in sorted(judged, key=lambda x: (x[0], x[1].case.id)) if standing and min(standing) < 1][:count]
    return kept


def _standing(scored: ScoredCase, metrics: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(scored.scores[m] for m in metrics if m in scored.scores)
