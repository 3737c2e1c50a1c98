"""The store a data set is asked over: the user's, the bundled sample's, or one made for it and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from assistant.config import APP, sample_path
from assistant.sample import sample_store
from evals.cases import DataError, Dataset, Group
from evals.loaders import SAMPLE
from store.doctor import ensure_whole
from store.indexing import Progress
from store.ingest import ingest
from store.store import LEDGER, Store


def cache_path() -> Path:
    """Folder of stores and outcomes that evaluations keep."""
    return user_cache_path(APP) / "eval"


def ensure_store(dataset: Dataset, store: Path | None, progress: Progress | None = None) -> Path:
    """The store for a data set, made where it is missing; an interrupted one is finished.

    Args:
        dataset: the data set.
        store: the user's choice.
        progress: as in :func:`store.ingest.ingest`.

    Raises:
        DataError: no store is named and the data set brings no corpus.
    """
    if store is not None:
        if not (store / LEDGER).exists():
            raise DataError(f"{store}: no store here.", f"Make one: assistant ingest FILE --store {store}")
        return store
    if dataset.name == SAMPLE:
        sample_store(sample_path(), progress)
        return sample_path()
    if not dataset.corpus and not dataset.documents:
        raise DataError(
            f"{dataset.name}: the file does not say which corpus it is about.", "Name its store: --store DIR, or its files: --corpus FILE"
        )
    folder = cache_path() / "stores" / f"{dataset.name}-{_digest(dataset)}"
    files = list(dataset.corpus)
    if dataset.documents:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / "documents.jsonl"]
        files[0].write_text("\n".join(dataset.documents) + "\n", encoding="utf-8")
    with Store(folder, create=True) as opened:
        counts = opened.ledger.counts()
        if not counts["entries"] or counts["waiting"]:
            ingest(opened, files, progress=progress)
        ensure_whole(opened, progress)
    return folder


def _digest(dataset: Dataset) -> str:
    content = hashlib.sha256()
    for path in dataset.corpus:
        with path.open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    for document in dataset.documents:
        content.update(document.encode())
    return content.hexdigest()[:12]


def resolver(store: Store) -> dict[str, str]:
    """From ``file#n``, alias or id to entry id, for a whole store."""
    places: dict[str, str] = {}
    for entry in store.ledger.entries().values():
        for name in (entry.id, *entry.aliases, *map(str, entry.provenance)):
            places.setdefault(name, entry.id)
    return places


def resolve(groups: Sequence[Group], places: dict[str, str]) -> list[set[str]]:
    """Entry ids of each group; a group none of whose members is in the store is left out."""
    found = [{places[name] for name in group if name in places} for group in groups]
    return [ids for ids in found if ids]
