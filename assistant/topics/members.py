"""Which papers belong to a topic: those that fit its words, and those akin to them.

A topic is seldom named in all of its papers. The entries that fit its words best are taken for examples, and what is near to them in meaning and in words counts as well: pseudo-relevance
feedback (Rocchio 1971), with weights fitted by ``python -m evals.fit``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.analyse import Question
from assistant.decide import Model, choose
from assistant.evidence import Scored
from assistant.topics.themes import Vector, term_matrix
from assistant.write.extractive import ranked_members

# Entries looked at for a topic.
DEEP = 400
# A summary that lacks a paper misleads more than one that holds a neighbour: recall counts so many times as much as precision.
BETA = 1.25
FEEDBACK = ("logit", "meaning", "words")
# From this probability on an entry is an example; at least so many are taken.
_EXAMPLE = 0.2
_EXAMPLES = 2
_CLOSE = 1e-4
Rows = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Member:
    """An entry with the probability that it belongs to the topic."""

    scored: Scored
    chance: float


def feedback_features(chances: Sequence[float], meaning: Rows, words: Rows) -> list[dict[str, float]]:
    """Features of each entry beside the examples; no entry is its own example.

    Args:
        chances: that each fits the topic's words.
        meaning: unit vectors, one row an entry.
        words: unit rows of term weights, one an entry.

    Returns:
        For each entry the log odds of its chance, and the cosine of its meaning and of its words with the examples' weighted mean.
    """
    held = np.clip(np.asarray(chances, dtype=np.float64), _CLOSE, 1 - _CLOSE)
    weights = np.where(held >= _EXAMPLE, held, 0.0)
    if np.count_nonzero(weights) < _EXAMPLES:
        best = np.argsort(-held, kind="stable")[:_EXAMPLES]
        weights = np.zeros_like(held)
        weights[best] = held[best]
    near = [_to_mean(rows, weights) for rows in (meaning, words)]
    logits = np.log(held / (1 - held))
    return [{"logit": float(x), "meaning": float(m), "words": float(w)} for x, m, w in zip(logits, *near, strict=True)]


def _to_mean(rows: Rows, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    others = (weights[:, None] * rows).sum(axis=0) - weights[:, None] * rows
    lengths = np.linalg.norm(others, axis=1)
    cosines: npt.NDArray[np.float64] = (rows * others).sum(axis=1) / np.maximum(lengths, 1e-9)
    return np.where(lengths > 1e-9, cosines, 0.0)


def members(
    pools: Sequence[Sequence[Scored]], question: Question, relevance: Model, feedback: Model, rarity: Callable[[str], float]
) -> tuple[list[Member], list[Member]]:
    """The papers of a topic, and all that were looked at, each best first.

    Args:
        pools: entries for the topic, and for each part of an enumeration.
        question: the topic as understood.
        relevance: says how likely an entry fits the words.
        feedback: weighs that against the examples.
        rarity: of a stem in the corpus, 0 to 1.
    """
    ranked = ranked_members(pools, question, relevance)
    if not ranked:
        return [], []
    found = [scored for _, scored in ranked]
    features = feedback_features(
        [chance for chance, _ in ranked], np.array([whole_vector(s) for s in found]), term_matrix([s.entry for s in found], rarity)
    )
    rows = sorted(
        (Member(s, feedback.probability(f)) for s, f in zip(found, features, strict=True)), key=lambda m: (-m.chance, m.scored.entry.id)
    )
    return list(cut(rows)), rows


def cut(ranked: Sequence[Member]) -> Sequence[Member]:
    """Those that belong to the topic, of all, best first."""
    return ranked[: choose([m.chance for m in ranked], beta=BETA)]


def whole_vector(scored: Scored) -> Vector:
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
