"""Hybrid retrieval: a question's terms and vector to scored candidates.

Each index gives a pool; every candidate of either pool gets both scores, so that fusion compares like with like. The fused
score is a weighted sum of the two scores, each standardised over the pool (the recipe and what else was tried:
``docs/retrieval.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
import numpy.typing as npt

from store.chunk import chunk_entry
from store.chunk_rows import ChunkVectors, packed
from store.store import Store
from store.types import Filtered

Vector = npt.NDArray[np.float32]
LEXICAL_WEIGHT = 0.3
POOL = 200
# What passes a filter is searched exactly where it is no more than this, or than the pools would have to be widened to; else these are, and are filtered.
_EXACT = 1000
_WIDER = 2
# A pool that is filled to this part will do.
_ENOUGH = 4
# BM25 of thousands of given entries takes longer than looking for them among so many pools' worth of the best.
_DEEP = 10
# Entries embedded while a question waits, where an ingest has not come to them: half a second's worth.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may be relevant.

    Args:
        id: entry id.
        fused: weighted sum of the standardised scores; comparable within one question only.
        lexical: BM25; 0 where the entry holds none of the terms.
        dense: cosine of the question and the entry's best chunk, -1 to 1.
        chunks: what is stored of its chunks, in order.
    """

    id: str
    fused: float
    lexical: float
    dense: float
    chunks: tuple[ChunkVectors, ...]


def retrieve(
    store: Store,
    vector: Vector,
    weights: dict[str, float],
    *,
    pool: int = POOL,
    count: int | None = None,
    within: Filtered | None = None,
    lexical_weight: float = LEXICAL_WEIGHT,
) -> list[Candidate]:
    """Candidates for a question.

    Args:
        store: the corpus.
        vector: the question's unit vector ``[d]``.
        weights: its terms and how much each counts.
        pool: entries taken from each index.
        count: at most this many candidates; None for all of both pools.
        within: only these entries.
        lexical_weight: share of the lexical score in the fused one, 0 to 1.

    Returns:
        The union of both pools, best first; ties by id.
    """
    store.require_whole()
    best: dict[str, float] = {}
    passing = None if within is None else within.ids
    wide = pool if passing is None else _widened(pool, store.lexical.count(), len(passing))
    while True:
        if passing is not None and _is_narrow(len(passing), wide):
            best = _cosines(store, sorted(passing), vector)
            dense_pool = nsmallest(pool, best, key=lambda id: (-best[id], id))
            if len(passing) <= _EXACT:
                lexical = store.lexical.score(weights, sorted(passing), pool)
            else:
                lexical = dict(store.lexical.query(weights, pool, passing, _DEEP * pool)) if weights else {}
            break
        dense_pool = [id for id, _ in store.vectors.query(vector, wide) if passing is None or id in passing][:pool]
        if passing is None or len(dense_pool) >= pool // _ENOUGH:
            lexical = dict(store.lexical.query(weights, pool, passing, wide)) if weights else {}
            break
        # What is nearest does not pass: papers of another time, say.
        wide *= _WIDER
    lexical |= store.lexical.score(weights, [id for id in dense_pool if id not in lexical])
    ids = sorted({*dense_pool, *lexical})
    best |= _cosines(store, [id for id in ids if id not in best], vector)
    chunks: dict[str, list[ChunkVectors]] = {}
    for made in _embedded_now(store, [id for id in ids if id not in best], lexical):
        chunks.setdefault(made.entry, []).append(made)
    best |= {id: max(float(made.vector @ vector) for made in rows) for id, rows in chunks.items()}
    ids = [id for id in ids if id in best]
    if not ids:
        return []
    dense = np.array([best[id] for id in ids])
    sparse = np.array([lexical.get(id, 0.0) for id in ids])
    fused = lexical_weight * standardise(sparse) + (1 - lexical_weight) * standardise(dense)
    order = sorted(range(len(ids)), key=lambda at: (-fused[at], ids[at]))[:count]
    for stored in store.ledger.vectors([id for at in order if (id := ids[at]) not in chunks]):
        chunks.setdefault(stored.entry, []).append(stored)
    return [
        Candidate(ids[at], float(fused[at]), float(sparse[at]), float(dense[at]), tuple(chunks[ids[at]]))
        for at in order
        if ids[at] in chunks
    ]


def _widened(pool: int, count: int, passing: int) -> int:
    """How far to look for a pool of entries that pass a filter: twice as far as would do if they were spread evenly."""
    return 2 * pool * max(1, count // max(1, passing))


def _is_narrow(passing: int, wide: int) -> bool:
    return passing <= max(_EXACT, wide)


def _cosines(store: Store, ids: Sequence[str], vector: Vector) -> dict[str, float]:
    """The cosine of the best chunk of each entry that has vectors."""
    owners, matrix = store.ledger.chunk_vectors(ids)
    best: dict[str, float] = {}
    if not owners:
        return best
    for id, cosine in zip(owners, (matrix @ vector).tolist(), strict=True):
        best[id] = max(best.get(id, -1.0), cosine)
    return best


def _embedded_now(store: Store, ids: Sequence[str], lexical: Mapping[str, float]) -> list[ChunkVectors]:
    """Vectors, made for this question only, of the likeliest entries that an ingest has not come to yet."""
    likely = sorted((id for id in ids if id in lexical), key=lambda id: (-lexical[id], id))[:_AT_ONCE]
    entries = store.ledger.entries(likely) if likely else {}
    embedder = store.embedder if entries else None
    rows = []
    for entry in entries.values():
        assert embedder is not None
        chunks = chunk_entry(entry, embedder.count, embedder.limit)
        for chunk, made in zip(chunks, embedder.embed_chunks(chunks), strict=True):
            rows.append(packed(entry, chunk, made.vector, made.rows))
    return rows


def standardise(scores: npt.NDArray[np.float64] | Sequence[float]) -> npt.NDArray[np.float64]:
    """Scores with mean 0 and standard deviation 1; all 0 where they do not differ."""
    values = np.asarray(scores, dtype=np.float64)
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 1e-12 else np.zeros_like(values)
