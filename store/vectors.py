"""The vector index: the only module that imports chromadb.

One process may write at a time (the store's lock sees to it). A process that has an index open does not see another's new
vectors: it must open it again when the ledger's ``vector`` generation changes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from store.errors import IndexDamagedError, SettingsError, StoreError, UserError
from store.ids import entry_of

Vector = npt.NDArray[np.float32]
COLLECTION = "chunks"
# Recall of the candidate pool is what counts here; the figures are in docs/retrieval.md.
_EF_SEARCH = 400
_HNSW = {"space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": _EF_SEARCH}
_PAGE = 5000
_NEAR = 10
_MISSED = 0.02
_NO_ROOM = ("no space", "disk is full", "disk full", "read-only", "readonly", "permission denied", "file too large")


class VectorIndex:
    """Chunk vectors in Chroma.

    Args:
        path: folder of a persistent client; made where it is missing.
        url: ``http(s)://host:port`` of a Chroma server, used instead of the folder.
        token: for the server, sent as ``Authorization: Bearer``.
        collection: its name; a server may serve several stores.

    Raises:
        StoreError: Chroma cannot open it, or the server does not answer.
    """

    def __init__(self, path: Path, *, url: str | None = None, token: str = "", collection: str = COLLECTION) -> None:
        self._url = url
        self._count: int | None = None
        os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        with self._explained():
            if url:
                parts = urlsplit(url)
                if parts.scheme not in ("http", "https") or not parts.hostname:
                    raise SettingsError(f"{url!r} is not the address of a Chroma server.", "Give it as http://host:port")
                self._client: Any = chromadb.HttpClient(
                    host=parts.hostname,
                    port=parts.port or (443 if parts.scheme == "https" else 8000),
                    ssl=parts.scheme == "https",
                    headers={"Authorization": f"Bearer {token}"} if token else None,
                    settings=settings,
                )
            else:
                _require_schema(path / "chroma.sqlite3")
                self._client = chromadb.PersistentClient(str(path), settings=settings)
            self._collection: Any = self._client.get_or_create_collection(
                collection, configuration=cast(Any, {"hnsw": _HNSW}), embedding_function=None
            )
            # Of a store made before, only this can still be changed; distributed Chroma has an index of another kind.
            held = self._collection.configuration.get("hnsw")
            if held and held.get("ef_search") != _EF_SEARCH:
                self._collection.modify(configuration={"hnsw": {"ef_search": _EF_SEARCH}})

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what Chroma raises into an error of ours; a damaged index makes its native part panic, which is no Exception."""
        try:
            yield
        except (UserError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            raise self._fault(error) from error

    def _fault(self, error: BaseException) -> StoreError:
        """What went wrong, as a person should hear it."""
        text = " ".join(str(error).split())[:300]
        if self._url:
            fix = "Start it (chroma run --path DIR) or mend chroma_url; the ledger holds every vector: assistant doctor --repair fills a new one."
            return StoreError(f"The Chroma server at {self._url} does not answer as it should ({text}).", fix)
        if any(words in text.lower() for words in _NO_ROOM):
            return StoreError(
                f"The vector index cannot be written ({text}).",
                "Free some space or mend the disk, then run the same again; nothing is lost.",
            )
        return IndexDamagedError(f"The vector index cannot be used ({text}).", "Rebuild it from the ledger: assistant doctor --repair")

    def close(self) -> None:
        """Release the index, so that a later open reads what is on disk then."""
        self._client.close()

    def count(self) -> int:
        """Number of vectors, as it was when this was opened and as it has been changed from here."""
        if self._count is None:
            with self._explained():
                self._count = int(self._collection.count())
        return self._count

    def upsert(self, rows: Sequence[tuple[str, str, Vector]]) -> None:
        """Add or replace vectors.

        Args:
            rows: (chunk id, entry id, unit vector ``[d]``).
        """
        if not rows:
            return
        self._count = None
        with self._explained():
            self._collection.upsert(
                ids=[row[0] for row in rows],
                embeddings=np.array([row[2] for row in rows]),
                metadatas=[{"entry": row[1]} for row in rows],
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Take vectors out; ids that are not there are ignored."""
        self._count = None
        with self._explained():
            for start in range(0, len(ids), _PAGE):
                self._collection.delete(ids=list(ids[start : start + _PAGE]))

    def query(self, vector: Vector, count: int) -> list[tuple[str, float]]:
        """Nearest entries.

        Args:
            vector: unit vector ``[d]``.
            count: how many chunks to look at.

        Returns:
            (entry id, cosine of its best chunk), best first, each entry once.

        Raises:
            StoreError: the index is damaged.
        """
        total = self.count()
        if not total:
            return []
        with self._explained():
            # A chunk's id begins with its entry's, so what else Chroma holds of it need not be read.
            found = self._collection.query(query_embeddings=[vector.tolist()], n_results=min(count, total), include=["distances"])
        best: dict[str, float] = {}
        for id, distance in zip(found["ids"][0], found["distances"][0], strict=True):
            best.setdefault(entry_of(id), 1.0 - float(distance))
        return list(best.items())

    def ids(self) -> set[str]:
        """Ids of all vectors held."""
        found: set[str] = set()
        with self._explained():
            for offset in range(0, self.count(), _PAGE):
                found.update(self._collection.get(include=[], limit=_PAGE, offset=offset)["ids"])
        return found

    def probe(self, rows: Sequence[tuple[str, Vector]]) -> list[str]:
        """Query with stored vectors and list what is wrong: counting does not find a damaged index, querying does.

        Args:
            rows: (chunk id, its vector as the ledger has it).
        """
        missed: list[str] = []
        faults = []
        for id, vector in rows:
            try:
                with self._explained():
                    near = self._collection.query(query_embeddings=[vector.tolist()], n_results=_NEAR, include=[])
                    held = self._collection.get(ids=[id], include=["embeddings"])["embeddings"]
            except StoreError as error:
                return [f"a query fails: {error.message}"]
            if len(held) != 1 or float(np.dot(held[0], vector)) < 1 - 1e-3:
                faults.append(f"{id}: its vector is not the one in the ledger")
            elif id not in near["ids"][0]:
                missed.append(id)
        # The search is approximate, and what is not yet in the graph on disk is put into it anew, in parallel, by each process.
        if len(missed) > max(2, _MISSED * len(rows)):
            faults.append(f"{len(missed)} of {len(rows)} queries with a vector's own values do not find it, as for {missed[0]}")
        return faults

    def clear(self) -> None:
        """Drop the collection (of a server; a folder is deleted instead)."""
        with self._explained():
            self._client.delete_collection(self._collection.name)


def _require_schema(file: Path) -> None:
    """Raise where SQLite cannot read a database's schema; Chroma's native part may end the process over that."""
    if file.exists():
        with contextlib.closing(sqlite3.connect(file)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
