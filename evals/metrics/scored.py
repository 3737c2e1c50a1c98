"""A case with its outcome, its gold as entry ids, and its scores."""

from __future__ import annotations

from dataclasses import dataclass, field

from evals.cases import Case
from evals.systems import Outcome


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """What pooled metrics and reports read.

    Args:
        case: the case.
        outcome: what the system did.
        gold: entry ids of each gold group that the store holds.
        maybe: entry ids that are neither required nor penalised.
        scores: metric to value, for the metrics that apply.
        counts: what metrics over all cases add up, by name.
        themes: entry ids of each reference theme.
    """

    case: Case
    outcome: Outcome
    gold: tuple[frozenset[str], ...]
    maybe: frozenset[str]
    scores: dict[str, float] = field(default_factory=dict)
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    themes: tuple[frozenset[str], ...] = ()
