"""Embed a whole store anew with another embedder. The vectors there are stay in use until the new ones are whole."""

from __future__ import annotations

from store.embed import Embedder
from store.errors import RefusedError, StoreError
from store.estimate import Approve, estimate
from store.indexing import Progress, embed_waiting
from store.store import Store

_VECTOR_BATCH = 2000


def reembed(store: Store, embedder: Embedder, progress: Progress | None = None, approve: Approve | None = None) -> int:
    """Embed everything with another embedder, beside the vectors there are, then use the new ones in one step.

    What was done before an interruption is kept and gone on with, unless still another embedder is named.

    Args:
        store: any store; it answers with its old vectors all the while.
        embedder: the one to use from now on.
        progress: as in :func:`store.ingest.ingest`.
        approve: told the cost first; nothing is done where it says no.

    Returns:
        The number of chunks embedded now.

    Raises:
        StoreError: there is nothing to embed.
        RefusedError: it was not approved.
    """
    ledger = store.ledger
    with store.writing():
        entries = ledger.counts()["entries"]
        if not entries:
            raise StoreError(f"{store.path}: the store is empty.", "Fill it first: assistant ingest FILE")
        staged = ledger.staging() if ledger.meta("next_embedder") == embedder.name else None
        left = staged.count_to_embed() if staged else entries
        if approve and not approve(estimate(store, embedder, left)):
            raise RefusedError("Nothing was embedded; the store is as it was.")
        with ledger.transaction():
            staged = ledger.begin_staging(embedder.name)
        total, done = staged.count_to_embed(), 0

        def one_more() -> None:
            nonlocal done
            done += 1
            if progress:
                progress(f"embedding with {embedder.name}", done, max(total, done))

        for _ in embed_waiting(store, staged, embedder, one_more):
            pass
        _switch(store, embedder)
    return done


def _switch(store: Store, embedder: Embedder) -> None:
    """Index the new vectors in a place of their own, then point the store there."""
    ledger = store.ledger
    staged = ledger.staging()
    assert staged is not None
    with ledger.transaction():
        # A place that an interrupted switch began is not known any more.
        staged.unmark_chunks()
    old, held = store.vector_path, store.held_collection()
    folder, collection = store.new_place()
    fresh = store.open_vectors(folder, collection)
    try:
        while rows := staged.chunks_to_index(_VECTOR_BATCH):
            fresh.upsert(rows)
            with ledger.transaction():
                staged.mark_chunks(row[0] for row in rows)
    finally:
        fresh.close()
    with ledger.transaction():
        ledger.end_staging(use=True)
        store.move_vectors(folder, collection)
        ledger.bump_generation("vector")
    store.drop_indexes()
    store.use_embedder(embedder)
    store.discard(old, held)
