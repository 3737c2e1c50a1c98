"""The vector index: the only module that imports chromadb.

One process may write at a time (the store's lock sees to it). A process that has an index open does not see another's new
vectors: it must open it again when the ledger's generation changes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from store.errors import SettingsError, StoreError

Vector = npt.NDArray[np.float32]
COLLECTION = "chunks"
# Recall of the candidate pool is what counts here; the figures are in docs/retrieval.md.
_HNSW = {"space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200}
_PAGE = 5000


class VectorIndex:
    """Chunk vectors in Chroma.

    Args:
        path: folder of a persistent client; made where it is missing.
        url: ``http(s)://host:port`` of a Chroma server, used instead of the folder.
        collection: its name; a server may serve several stores.

    Raises:
        StoreError: Chroma cannot open it.
    """

    def __init__(self, path: Path, *, url: str | None = None, collection: str = COLLECTION) -> None:
        os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        try:
            if url:
                parts = urlsplit(url)
                if parts.scheme not in ("http", "https") or not parts.hostname:
                    raise SettingsError(f"{url!r} is not the address of a Chroma server.", "Give it as http://host:port")
                self._client: Any = chromadb.HttpClient(
                    host=parts.hostname, port=parts.port or 8000, ssl=parts.scheme == "https", settings=settings
                )
            else:
                self._client = chromadb.PersistentClient(str(path), settings=settings)
            self._collection: Any = self._client.get_or_create_collection(
                collection, configuration=cast(Any, {"hnsw": _HNSW}), embedding_function=None
            )
        except SettingsError:
            raise
        except Exception as error:
            raise _damaged(error) from error

    def close(self) -> None:
        """Release the index, so that a later open reads what is on disk then."""
        self._client.close()

    def count(self) -> int:
        """Number of vectors."""
        return int(self._collection.count())

    def upsert(self, rows: Sequence[tuple[str, str, Vector]]) -> None:
        """Add or replace vectors.

        Args:
            rows: (chunk id, entry id, unit vector ``[d]``).
        """
        if rows:
            self._collection.upsert(
                ids=[row[0] for row in rows],
                embeddings=np.array([row[2] for row in rows]),
                metadatas=[{"entry": row[1]} for row in rows],
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Take vectors out; ids that are not there are ignored."""
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
        try:
            found = self._collection.query(
                query_embeddings=[vector.tolist()], n_results=min(count, total), include=["metadatas", "distances"]
            )
        except Exception as error:
            raise _damaged(error) from error
        best: dict[str, float] = {}
        for row, distance in zip(found["metadatas"][0], found["distances"][0], strict=True):
            best.setdefault(row["entry"], 1.0 - float(distance))
        return list(best.items())

    def ids(self) -> set[str]:
        """Ids of all vectors held."""
        found: set[str] = set()
        for offset in range(0, self.count(), _PAGE):
            found.update(self._collection.get(include=[], limit=_PAGE, offset=offset)["ids"])
        return found

    def probe(self, rows: Sequence[tuple[str, Vector]]) -> list[str]:
        """Query with stored vectors and list what is wrong: counting does not find a damaged index, querying does.

        Args:
            rows: (chunk id, its vector as the ledger has it).
        """
        faults = []
        for id, vector in rows:
            try:
                near = self._collection.query(query_embeddings=[vector.tolist()], n_results=1, include=["distances"])
                held = self._collection.get(ids=[id], include=["embeddings"])["embeddings"]
            except Exception as error:
                return [f"a query fails: {error}"]
            if not near["ids"][0] or near["distances"][0][0] > 1e-3:
                faults.append(f"{id}: a query with its own vector does not find it")
            elif len(held) != 1 or float(np.dot(held[0], vector)) < 1 - 1e-3:
                faults.append(f"{id}: its vector is not the one in the ledger")
        return faults

    def clear(self) -> None:
        """Drop the collection (of a server; a folder is deleted instead)."""
        self._client.delete_collection(self._collection.name)


def _damaged(error: Exception) -> StoreError:
    return StoreError(f"The vector index cannot be read ({error}).", "Rebuild it from the ledger: assistant doctor --repair")
