"""The bundled sample corpus: our own digests of real papers named by title."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from store.ingest import Progress, ingest
from store.store import Store


def sample_store(folder: Path, progress: Progress | None = None) -> None:
    """Index the sample in a store of its own; does nothing where that is done.

    Args:
        folder: the store's folder.
        progress: as in :func:`store.ingest.ingest`.
    """
    with as_file(files(__package__).joinpath("digests.jsonl")) as path, Store(folder, create=True) as store:
        if not store.ledger.counts()["entries"] or store.ledger.counts()["waiting"]:
            ingest(store, [path], progress=progress)
