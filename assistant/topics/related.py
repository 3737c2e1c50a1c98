"""Entries related to one: how near they are, what they share with it and what sets them apart, and which are near-duplicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assistant.topics.keyphrases import Phrase, phrases
from assistant.topics.members import rarity_of
from assistant.types import Near
from store.ids import normalise
from store.lexical import terms
from store.retrieve import POOL, retrieve
from store.store import Store
from store.types import Entry, Filtered

_PHRASES = 4
# A handful of abstracts tells less of which words are nouns.
_NOUNS = 0.2
# From this cosine, with this share of their words in common, two abstracts say the same.
_TWIN, _SAME = 0.9, 0.6


@dataclass(frozen=True, slots=True)
class RelatedEntry:
    """An entry near to another.

    Args:
        id, title, provenance: of the entry.
        similarity: cosine of the two, -1 to 1.
        shared: telling phrases, or words, that both hold.
        own: telling phrases of this one that the other does not hold.
        duplicate: whether the two say nearly the same.
    """

    id: str
    title: str | None
    provenance: tuple[Any, ...]
    similarity: float
    shared: tuple[str, ...]
    own: tuple[str, ...]
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Related:
    """An entry, the ones nearest to it, and the phrases of its own that few of them hold."""

    entry: Near
    own: tuple[str, ...]
    hits: tuple[RelatedEntry, ...]
    store: str

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"schema": 1, **asdict(self)}


def related(store: Store, entry: Entry, count: int, name: str, within: Filtered | None = None) -> Related:
    """The entries nearest to one.

    Args:
        store: the corpus.
        entry: the one.
        count: how many.
        name: of the store.
        within: only these entries.
    """
    near = retrieve(store, _vector(store, entry.id), {}, pool=max(POOL, count + 1), count=count + 1, within=within)
    found = [(c.id, c.dense) for c in near if c.id != entry.id][:count]
    entries = store.ledger.entries([id for id, _ in found])
    rarity = rarity_of(store.lexical.count(), store.lexical.frequency)
    candidates = [
        p for p in phrases([entry, *entries.values()], _NOUNS) if len(p.stems) > 1 or p.text[1:].lower() != p.text[1:] or len(p.text) > 4
    ]

    def weight(phrase: Phrase) -> float:
        # Two words tell more than twice as much as one.
        return sum(map(rarity, phrase.stems)) * math.sqrt(len(phrase.stems))

    def best(some: Sequence[Phrase]) -> tuple[str, ...]:
        kept: list[Phrase] = []
        for phrase in sorted(some, key=lambda p: (-weight(p), p.text)):
            if len(kept) == _PHRASES:
                break
            if not any(set(phrase.stems) & set(other.stems) for other in kept):
                kept.append(phrase)
        return tuple(p.text for p in kept)

    mine = [p for p in candidates if entry.id in p.papers]
    hits = []
    for id, score in found:
        other = entries[id]
        theirs = [p for p in candidates if id in p.papers]
        both = best([p for p in mine if id in p.papers]) or tuple(_shared_words(entry, other))
        hits.append(
            RelatedEntry(
                id,
                other.title,
                other.provenance,
                round(score, 4),
                both,
                best([p for p in theirs if entry.id not in p.papers]),
                _twins(entry, other, score),
            )
        )
    few = [p for p in mine if len(p.papers) <= 1 + len(found) // 4]
    return Related(Near(entry.id, entry.title, entry.provenance), best(few), tuple(hits), name)


def _vector(store: Store, id: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    mean = np.mean([row.vector for row in store.ledger.vectors([id])], axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def _shared_words(one: Entry, other: Entry) -> list[str]:
    held = set(terms(f"{other.title or ''} {other.abstract}"))
    return list(dict.fromkeys(t for t in terms(f"{one.title or ''}") if t in held))[:_PHRASES]


def _twins(one: Entry, other: Entry, score: float) -> bool:
    if one.title and other.title and normalise(one.title) == normalise(other.title):
        return True
    mine, theirs = set(terms(one.abstract)), set(terms(other.abstract))
    return score >= _TWIN and len(mine & theirs) >= _SAME * len(mine | theirs)
