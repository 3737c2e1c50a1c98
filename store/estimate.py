"""What embedding will take, said before it is begun."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from store.chunk import chunk_entry
from store.embed import Embedder
from store.store import Store

_SAMPLE = 24
# Whole text and sentences go out apart, so that everything but the spaces is sent twice.
_SENT = 2


Approve = Callable[["Estimate"], bool]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What embedding will take.

    Attributes:
        entries: how many.
        tokens: of the embedder, as far as a sample tells.
        dollars: by its price; None where that is not known or nothing is sent.
        seconds: on this machine; None where texts are sent away.
        place: where they are sent; empty where they stay here.
        embedder: its name.
    """

    entries: int
    tokens: int
    dollars: float | None
    seconds: float | None
    place: str
    embedder: str

    def __str__(self) -> str:
        what = f"{self.entries:,} entries, about {self.tokens:,} tokens, with {self.embedder}"
        if self.place:
            cost = f"about ${self.dollars:.2f}" if self.dollars is not None else "at a price that is not configured (embedder_price)"
            return f"{what}: sent to {self.place}, {cost}."
        return f"{what}: on this machine, about {spoken(self.seconds or 0)}."


def waiting_cost(store: Store) -> Estimate | None:
    """What embedding what waits will cost; None where nothing waits or nothing is sent anywhere."""
    waiting = store.ledger.count_to_embed()
    return estimate(store, store.embedder, waiting) if waiting and store.embedder.place else None


def estimate(store: Store, embedder: Embedder, entries: int) -> Estimate:
    """Say what embedding some entries takes, from a sample of the store's; on this machine the time is measured, in about a second.

    Args:
        store: has at least one entry.
        embedder: what would embed.
        entries: how many are to be embedded.
    """
    sample = store.ledger.sample_entries(_SAMPLE)
    tokens = sum(embedder.count(f"{entry.title or ''} {entry.abstract}") for entry in sample) / max(1, len(sample))
    total = round(tokens * entries * (_SENT if embedder.place else 1))
    dollars = total * embedder.price / 1e6 if embedder.place and embedder.price is not None else None
    seconds = None
    if not embedder.place:
        chunks = [chunk for entry in sample for chunk in chunk_entry(entry, embedder.count, embedder.limit)]
        list(embedder.embed_chunks(chunks[:1]))
        began = time.perf_counter()
        done = len(list(embedder.embed_chunks(chunks)))
        seconds = (time.perf_counter() - began) / max(1, done) * entries
    return Estimate(entries, total, dollars, seconds, embedder.place, embedder.name)


def spoken(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
