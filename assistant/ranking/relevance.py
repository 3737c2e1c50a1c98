"""Which entries belong to the set a question asks for; the one place where sets are decided, for questions, counts and topics alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.query.analyzer import Question, facet_topic
from assistant.ranking.ranker import RankedEntries, RankedEntry
from assistant.types import Evidence

# How many times as much recall counts as precision when a set is cut: a likely member is shown. Chosen on half of the new questions and the
# development questions (docs/results/ranking.md).
SET_BETA = 1.4
# What an abstract says of itself when it is a survey, or brings a data set.
_FACETS = {
    "survey": re.compile(
        r"\b(?:(?:this|the present|our|we present an?|comprehensive|systematic|literature|brief|short|first) (?:\w+ ){0,3}?"
        r"(?:survey|review|overview)|we (?:\w+ )?(?:survey|review)\b|(?:survey|review) (?:paper|article)|reviews? (?:the|recent|existing|current))",
        re.IGNORECASE,
    ),
    "dataset": re.compile(
        r"\b(?:(?:introduc|present|releas|propos|publish|collect|creat|construct|provid|build|contribut)\w* (?:\S+ ){0,8}?"
        r"(?:data ?sets?|benchmarks?|corpus)\b|(?:new|novel|large-scale|publicly available|first) (?:\S+ ){0,4}?(?:data ?set|benchmark|corpus)\b)",
        re.IGNORECASE,
    ),
}
_FACET_TITLE = {
    "survey": re.compile(r"\b(?:survey|review|overview)\b", re.IGNORECASE),
    "dataset": re.compile(r"\b(?:data ?set|benchmark|corpus)\b", re.IGNORECASE),
}


@dataclass(frozen=True)
class Candidate:
    """An entry with the probability that it belongs to a set."""

    probability: float
    ranked: RankedEntry


def set_candidates(pools: Sequence[RankedEntries], question: Question) -> list[Candidate]:
    """Every entry of the pools, likeliest first.

    Args:
        pools: entries for the topic, and for each member of an enumeration; an entry counts by the best of its fits.
        question: the question as understood.
    """
    best: dict[str, Candidate] = {}
    for ranked in (one for pool in pools for one in pool.entries):
        found = Candidate(member_probability(ranked, question), ranked)
        if ranked.entry.id not in best or found.probability > best[ranked.entry.id].probability:
            best[ranked.entry.id] = found
    return sorted(best.values(), key=lambda c: (-c.probability, c.ranked.entry.id))


def member_probability(ranked: RankedEntry, question: Question) -> float:
    """Probability that an entry belongs to the set a question asks for.

    Which papers mention a word is counted by words. A kind of paper (a survey, one that brings a data set) is what the paper
    says of itself.
    """
    if question.mentions:
        return float(ranked.features["coverage"] > 1 - 1e-9)
    if question.facet is None:
        return ranked.probability
    return facet_score(ranked, question.facet) * (ranked.probability if facet_topic(question) else 1.0)


def choose(probabilities: Sequence[float], limit: int = 1000, beta: float = 1.0) -> int:
    """How many of a ranked list to return: the size with the greatest expected F measure.

    The expectation is approximated by the ratio of expectations (Nan et al. 2012, "Optimizing F-measures").

    Args:
        probabilities: of relevance, best first.
        limit: never more than this.
        beta: how many times as much recall counts as precision.
    """
    total = sum(probabilities)
    best, size, so_far = 0.0, 0, 0.0
    for number, probability in enumerate(probabilities[:limit], start=1):
        so_far += probability
        value = (1 + beta**2) * so_far / (number + beta**2 * total)
        if value > best:
            best, size = value, number
    return size


def select_members(candidates: Sequence[Candidate], question: Question) -> list[Evidence]:
    """The set, best first, each paper with the sentence that is the reason."""
    size = choose([c.probability for c in candidates], beta=SET_BETA)
    return [e for c in candidates[:size] if c.probability > 0 and (e := _reason(c, question))]


def estimate_count(candidates: Sequence[Candidate]) -> float:
    """How many papers of a set there are, listed or not: the sum of the probabilities of those that could be."""
    return sum(c.probability for c in candidates if c.ranked.reading is not None)


def _reason(candidate: Candidate, question: Question) -> Evidence | None:
    sentences = candidate.ranked.sentences
    best = next(iter(sentences), None)
    if question.facet and (at := _facet_place(candidate.ranked, question.facet)) is not None:
        best = next((e for e in sentences if e.start <= at < e.end), best)
    return replace(best, score=candidate.probability) if best else None


def facet_score(ranked: RankedEntry, facet: str) -> float:
    """How plainly an entry says that it is of a kind: 1 by its title, .9 by its abstract's words, 0 not at all."""
    if ranked.entry.title and _FACET_TITLE[facet].search(ranked.entry.title):
        return 1.0
    return 0.9 if _FACETS[facet].search(ranked.entry.abstract) else 0.0


def _facet_place(ranked: RankedEntry, facet: str) -> int | None:
    """Start of the first sentence that says so."""
    match = _FACETS[facet].search(ranked.entry.abstract)
    return match.start() if match else None
