"""The bundled sample corpus: our own digests of real papers named by title."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from store.doctor import ensure_whole
from store.embed import shipped_embedder
from store.indexing import Progress
from store.ingest import fingerprint, ingest
from store.reembed import reembed
from store.settings import RETIRED_EMBEDDERS
from store.store import Store


def sample_store(folder: Path, progress: Progress | None = None) -> None:
    """Index the sample in a store of its own, or bring that store up to this version; does nothing where that is done.

    Args:
        folder: the store's folder.
        progress: as in :func:`store.ingest.ingest`.
    """
    with as_file(files(__package__).joinpath("digests.jsonl")) as path, Store(folder, create=True) as store:
        if store.ledger.meta("embedder") in RETIRED_EMBEDDERS:
            reembed(store, shipped_embedder(), progress)
        known = [source.sha256 for source in store.ledger.sources()]
        if known != [fingerprint(path)] or store.ledger.waiting():
            ingest(store, [path], prune=True, progress=progress)
        ensure_whole(store, progress)
