"""Two results side by side, and the gate: is the new one worse than a baseline by more than noise?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evals.results import LESS, Result
from evals.stats import Difference, paired
from evals.worst import Half, half

# What the gate watches; timings differ between machines.
GATED = (
    "set F1",
    "gold first",
    "nDCG@10",
    "evidence in first 3",
    "points covered",
    "sides cited",
    "quote validity",
    "citation recall",
    "citation precision",
    "refused: answerable",
    "refused: absent-topic",
    "refused: detail-not-in-abstract",
    "premise denied",
)
# These hold by construction: any drop is a defect, however small.
EXACT = ("quote validity",)

Scores = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric of one kind, before and after, over the cases both have."""

    kind: str
    metric: str
    before: float
    after: float
    difference: Difference

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or nothing where the difference is within noise."""
        if not self.difference.stands_out:
            return ""
        return "better" if (self.difference.value < 0) == (self.metric in LESS) else "worse"


def scores_of(result: Result, within: Half | None = None) -> dict[str, dict[str, float]]:
    """Scores by ``kind/case``, of all cases or of one half of them."""
    return {f"{s.case.kind}/{s.case.id}": s.scores for s in result.cases if s.scores and within in (None, half(s.case.id))}


def compare(before: Scores, after: Scores) -> list[Compared]:
    """Paired differences of every metric and kind that both have.

    Args:
        before: scores by ``kind/case``.
        after: the same of the other.
    """
    both = [name for name in before if name in after]
    found = []
    for kind in dict.fromkeys(name.partition("/")[0] for name in both):
        cases = [name for name in both if name.partition("/")[0] == kind]
        for metric in dict.fromkeys(m for name in cases for m in before[name]):
            held = [name for name in cases if metric in before[name] and metric in after[name]]
            if not held:
                continue
            old, new = [before[n][metric] for n in held], [after[n][metric] for n in held]
            found.append(Compared(kind, metric, sum(old) / len(old), sum(new) / len(new), paired(old, new)))
    return found


def baseline(result: Result) -> dict[str, Any]:
    """What a gate needs of a result."""
    return {"schema": 1, "name": result.name, "date": result.made["date"], "data": result.made["data"], "scores": scores_of(result)}


def failures(before: Scores, after: Scores) -> list[Compared]:
    """Gated metrics that are worse by more than noise, or at all where they hold by construction."""
    return [
        one
        for one in compare(before, after)
        if one.metric in GATED and (one.verdict == "worse" or (one.metric in EXACT and one.after < one.before))
    ]
