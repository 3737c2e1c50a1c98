"""From the ledger to both indexes: cut, embed, index, and note what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from store.chunk import chunk_entry
from store.chunk_rows import ChunkRows
from store.embed import Embedder
from store.errors import IndexDamagedError
from store.store import Store

Progress = Callable[[str, int, int], None]

_LEXICAL_BATCH = 20_000
_VECTOR_BATCH = 2000


def index_pending(store: Store, progress: Progress | None = None, *, send: bool = False) -> int:
    """Embed and index whatever the ledger holds and the indexes do not. Call inside ``store.writing()``.

    The lexical index comes first: it is quick, and a question can be answered from it while the rest is embedded.

    Args:
        store: where.
        progress: as in :func:`store.ingest.ingest`.
        send: whether texts may be sent to an embedder elsewhere; if not, they wait.

    Returns:
        The number of chunks embedded.
    """
    index_lexical(store)
    ledger = store.ledger
    total = ledger.count_to_embed()
    if total and store.embedder.place and not send:
        total = 0
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        if progress:
            progress("embedding", done, max(total, done))

    for _ in embed_waiting(store, ledger, store.embedder, one_more) if total else ():
        _healed(store, "vector", _fill_vectors)
    _healed(store, "vector", _fill_vectors)
    return done


def embed_waiting(store: Store, rows: ChunkRows, embedder: Embedder, told: Callable[[], None]) -> Iterator[None]:
    """Cut and embed what waits in a table of chunks, batch by batch.

    Args:
        store: whose ledger holds the table.
        rows: the table.
        embedder: for it.
        told: called after each chunk.

    Yields:
        After each commit.
    """
    ledger, batch = store.ledger, store.settings.batch
    while True:
        entries = rows.entries_to_chunk(batch)
        cut = [(entry, chunk_entry(entry, embedder.count, embedder.limit)) for entry in entries]
        with ledger.transaction():
            for entry, chunks in cut:
                rows.put_chunks(entry, chunks)
        waiting = rows.chunks_to_embed(batch)
        if not waiting and not entries:
            return
        made = []
        for result in embedder.embed_chunks(waiting):
            made.append(result)
            told()
        with ledger.transaction():
            if rows is ledger and not ledger.meta("embedder"):
                ledger.set_meta("embedder", embedder.name)
            for chunk, result in zip(waiting, made, strict=True):
                rows.put_vectors(chunk.id, result.vector, result.rows)
        yield


def index_lexical(store: Store) -> None:
    """Bring the lexical index up to the ledger. Call inside ``store.writing()``."""
    _healed(store, "lexical", _fill_lexical)


def _healed(store: Store, kind: str, fill: Callable[[Store], None]) -> None:
    """Fill an index; one that a kill left so that it takes nothing more is made anew from the ledger."""
    try:
        fill(store)
    except IndexDamagedError:
        store.reset_index(kind)
        fill(store)


def _fill_lexical(store: Store) -> None:
    ledger = store.ledger
    removed = ledger.removals("entry")
    while (texts := ledger.entries_to_index(_LEXICAL_BATCH)) or removed:
        store.lexical.write(texts, removed)
        with ledger.transaction():
            ledger.mark_entries(text[0] for text in texts)
            ledger.clear_removals("entry", removed)
            ledger.bump_generation("lexical")
        store.committed("lexical")
        removed = []


def _fill_vectors(store: Store) -> None:
    ledger = store.ledger
    removed = ledger.removals("chunk")
    if removed:
        store.vectors.delete(removed)
    while rows := ledger.chunks_to_index(_VECTOR_BATCH):
        store.vectors.upsert(rows)
        with ledger.transaction():
            ledger.mark_chunks(row[0] for row in rows)
            ledger.bump_generation("vector")
        store.committed("vector")
    if removed:
        with ledger.transaction():
            ledger.clear_removals("chunk", removed)
            ledger.bump_generation("vector")
        store.committed("vector")
