"""Which papers belong to a topic: a set like any other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assistant.query.analyzer import Question
from assistant.ranking.ranker import RankedEntries, RankedEntry
from assistant.ranking.relevance import SET_BETA, choose, set_candidates
from assistant.topics.themes import Vector

# Entries measured for a topic, and read for it at most.
MEASURED, MAX_READ = 400, 160


@dataclass(frozen=True, slots=True)
class Member:
    """An entry with the probability that it belongs to the topic."""

    scored: RankedEntry
    probability: float


def find_members(pools: Sequence[RankedEntries], question: Question) -> tuple[list[Member], list[Member]]:
    """The papers of a topic, and all that were looked at, each best first.

    Args:
        pools: entries for the topic, and for each part of an enumeration.
        question: the topic as understood.
    """
    rows = [Member(c.ranked, c.probability) for c in set_candidates(pools, question)]
    return rows[: choose([m.probability for m in rows], beta=SET_BETA)], rows


def whole_vector(scored: RankedEntry) -> Vector:
    """The unit vector of an entry: the mean of its chunks'."""
    mean = np.mean([chunk.vector for chunk in scored.candidate.chunks], axis=0)
    whole: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return whole


def rarity_of(count: int, frequency: Callable[[str], int]) -> Callable[[str], float]:
    """How rare a stem is, 0 to 1: its inverse document frequency over that of a stem no entry holds.

    Args:
        count: entries in the corpus.
        frequency: entries that hold a stem.
    """
    most = math.log(1 + count) or 1.0
    known: dict[str, float] = {}

    def rarity(stem: str) -> float:
        if stem not in known:
            known[stem] = math.log(1 + count / (1 + frequency(stem))) / most
        return known[stem]

    return rarity


def vectors_of(found: Sequence[Member]) -> Mapping[str, Vector]:
    """Unit vectors by entry id."""
    return {m.scored.entry.id: whole_vector(m.scored) for m in found}
