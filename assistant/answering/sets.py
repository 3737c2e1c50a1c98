"""The papers of a set under the question's logic: alternatives, things wanted together, things excluded, and an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.query.constraints import Constraints
from assistant.ranking.conditions import Judged, judge
from assistant.ranking.ranker import RankedEntry
from assistant.ranking.reader import Reader
from assistant.ranking.relevance import Candidate
from assistant.ranking.weights import logistic
from store.store import Store

# Candidates that are judged for what must be there besides the topic: those that might belong.
_MIGHT_BELONG = 0.05
_MOST_JUDGED = 48


def require_all(store: Store, reader: Reader | None, candidates: Sequence[Candidate], phrases: Sequence[str]) -> list[Candidate]:
    """Lower the candidates that lack one of the things wanted together.

    Args:
        store: the corpus.
        reader: None to do without.
        candidates: of the topic, likeliest first.
        phrases: what must be there.
    """
    if not phrases:
        return list(candidates)
    likely = [c for c in candidates if c.probability >= _MIGHT_BELONG][:_MOST_JUDGED]
    judged = [judge(store, reader, [c.ranked for c in likely], phrase) for phrase in phrases]
    known = {c.ranked.entry.id for c in likely}
    found = [_both(c, judged) if c.ranked.entry.id in known else replace(c, probability=0.0) for c in candidates]
    return sorted(found, key=lambda c: (-c.probability, c.ranked.entry.id))


def split_excluded(
    store: Store, reader: Reader | None, entries: Sequence[RankedEntry], phrases: Sequence[str]
) -> tuple[list[RankedEntry], list[RankedEntry]]:
    """Papers that are not about what a question excludes, and those that are.

    Args:
        store: the corpus.
        reader: None to do without.
        entries: the papers of the topic.
        phrases: what is excluded.
    """
    kept, excluded = list(entries), list[RankedEntry]()
    for phrase in phrases:
        judged = judge(store, reader, kept, phrase)
        excluded += [one for one in kept if judged[one.entry.id].is_about]
        kept = [one for one in kept if not judged[one.entry.id].is_about]
    return kept, excluded


def _both(candidate: Candidate, judged: Sequence[dict[str, Judged]]) -> Candidate:
    """A candidate that must be about several things is as likely as the least of them."""
    found = [of_phrase.get(candidate.ranked.entry.id) for of_phrase in judged]
    shares = [1.0 if one is None or one.mentions else logistic(one.logit) for one in found]
    return replace(candidate, probability=min(candidate.probability, *shares))


def in_order(entries: Sequence[RankedEntry], constraints: Constraints) -> list[RankedEntry]:
    """Papers by year where the question asks for it, those without one last; at most as many as it wants."""
    if constraints.sort in ("latest", "oldest") and any(one.entry.year is not None for one in entries):
        sign = -1 if constraints.sort == "latest" else 1
        entries = sorted(entries, key=lambda one: (one.entry.year is None, sign * (one.entry.year or 0), -one.rank_score, one.entry.id))
    return list(entries[: constraints.top] if constraints.top else entries)
