"""Chunks and their vectors in the ledger: those in use, and those that another embedder is making beside them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from store.term_rows import pack_terms
from store.types import Chunk, Entry, Span

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChunkVectors:
    """Stored vectors of a chunk, those of its sentences unpacked when they are read, and its terms (``store.term_rows``)."""

    id: str
    entry: str
    vector: Vector
    spans: str
    packed: bytes
    terms: bytes

    @property
    def sentences(self) -> tuple[Span, ...]:
        """Spans of the sentences in the whole abstract."""
        return _spans(self.spans)

    @property
    def rows(self) -> Vector:
        """The title's vector (zeros where there is no title), then one row a sentence; unit length."""
        return _unpack(self.packed, len(self.vector))


class ChunkRows:
    """A table of chunks.

    Args:
        db: the ledger's connection.
        table: ``chunks``, or one that stands beside it until it takes its place; that one leaves no marks elsewhere.
    """

    def __init__(self, db: sqlite3.Connection, table: str = "chunks") -> None:
        self._db = db
        self._table = table
        self._staged = table != "chunks"
        self._uncut = f"NOT EXISTS (SELECT 1 FROM {table} c WHERE c.entry=entries.id)" if self._staged else "chunked=0"
        # Rows before this one have been looked at; nothing writes entries while chunks are made beside those in use.
        self._reached = 0

    def entries_to_chunk(self, limit: int) -> list[Entry]:
        """Entries that are not cut into chunks yet."""
        query = f"SELECT rowid, id, title, abstract FROM entries WHERE rowid>? AND {self._uncut} ORDER BY rowid LIMIT ?"
        rows = self._db.execute(query, (self._reached if self._staged else -1, limit)).fetchall()
        self._reached = rows[-1][0] if rows else self._reached
        return [Entry(*row[1:]) for row in rows]

    def put_chunks(self, entry: Entry, chunks: Sequence[Chunk]) -> None:
        """Replace an entry's chunks; the new ones wait to be embedded."""
        self.drop_chunks(entry.id)
        if not self._staged:
            self._db.execute("UPDATE entries SET chunked=1 WHERE id=?", (entry.id,))
        for chunk in chunks:
            if not self._staged:
                self._db.execute("DELETE FROM removals WHERE kind='chunk' AND id=?", (chunk.id,))
            self._db.execute(
                f"INSERT INTO {self._table}(id, entry, ordinal, start, stop, carried, sentences, terms) VALUES(?,?,?,?,?,?,?,?)",
                (chunk.id, entry.id, chunk.ordinal, *chunk.span, chunk.title, json.dumps(chunk.sentences), _terms(entry, chunk)),
            )

    def drop_chunks(self, entry: str) -> None:
        """Take an entry's chunks out and note them to be taken out of the vector index."""
        if not self._staged:
            self._db.execute("INSERT OR IGNORE INTO removals SELECT 'chunk', id FROM chunks WHERE entry=?", (entry,))
        self._db.execute(f"DELETE FROM {self._table} WHERE entry=?", (entry,))

    def chunks_to_embed(self, limit: int) -> list[Chunk]:
        """Chunks that have no vector yet."""
        rows = self._db.execute(
            "SELECT c.id, c.entry, c.ordinal, c.carried, c.start, c.stop, c.sentences, e.abstract "
            f"FROM {self._table} c JOIN entries e ON e.id = c.entry WHERE c.indexed = 0 AND c.vector IS NULL ORDER BY c.rowid LIMIT ?",
            (limit,),
        )
        return [
            Chunk(id, entry, ordinal, title, Span(start, stop), abstract[start:stop], _spans(sentences))
            for id, entry, ordinal, title, start, stop, sentences, abstract in rows
        ]

    def count_to_embed(self) -> int:
        """How many chunks have no vector yet, an entry that is not cut yet taken for one."""
        query = f"SELECT (SELECT count(*) FROM {self._table} WHERE indexed=0 AND vector IS NULL) + (SELECT count(*) FROM entries WHERE {self._uncut})"
        return int(self._db.execute(query).fetchone()[0])

    def put_vectors(self, chunk: str, vector: Vector, rows: Vector) -> None:
        """Store a chunk's vector (float32) and those of its title and sentences (int8, one scale a row)."""
        self._db.execute(
            f"UPDATE {self._table} SET vector=?, sentence_vectors=? WHERE id=?",
            (vector.astype("<f4").tobytes(), _pack(rows), chunk),
        )

    def chunks_to_index(self, limit: int) -> list[tuple[str, str, Vector]]:
        """(chunk id, entry id, vector) of embedded chunks that the vector index does not hold yet."""
        rows = self._db.execute(
            f"SELECT id, entry, vector FROM {self._table} WHERE indexed=0 AND vector IS NOT NULL ORDER BY rowid LIMIT ?", (limit,)
        )
        return [(id, entry, np.frombuffer(blob, dtype="<f4")) for id, entry, blob in rows]

    def mark_chunks(self, ids: Iterable[str]) -> None:
        """Note that the vector index holds these chunks."""
        self._db.executemany(f"UPDATE {self._table} SET indexed=1 WHERE id=?", ((id,) for id in ids))

    def vectors(self, entries: Sequence[str]) -> list[ChunkVectors]:
        """All that is stored of the chunks of some entries, in order."""
        columns = "id, entry, vector, sentences, sentence_vectors, terms, ordinal"
        rows = select(self._db, f"SELECT {columns} FROM {self._table}", "entry", entries)
        return [
            ChunkVectors(row[0], row[1], np.frombuffer(row[2], dtype="<f4"), *row[3:6])
            for row in sorted(rows, key=lambda row: (row[1], row[6]))
            if row[2] is not None
        ]

    def chunk_vectors(self, entries: Sequence[str]) -> tuple[list[str], Vector]:
        """The entry ids and the vectors ``[n, d]`` of all chunks of some entries that have one."""
        rows = [row for row in select(self._db, f"SELECT entry, vector FROM {self._table}", "entry", entries) if row[1] is not None]
        whole = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f4")
        return [row[0] for row in rows], whole.reshape(len(rows), -1) if rows else np.zeros((0, 0), dtype=np.float32)

    def entry_vectors(self) -> Iterator[tuple[str, Vector]]:
        """The unit vector of every entry that has one, by id: the mean of its chunks'."""
        rows = self._db.execute(f"SELECT entry, vector FROM {self._table} WHERE vector IS NOT NULL ORDER BY entry")
        for entry, chunks in groupby(rows, key=lambda row: row[0]):
            mean = np.mean([np.frombuffer(blob, dtype="<f4") for _, blob in chunks], axis=0)
            yield entry, np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    def count_chunks(self) -> int:
        """How many chunks there are."""
        return int(self._db.execute(f"SELECT count(*) FROM {self._table}").fetchone()[0])

    def unmark_chunks(self) -> None:
        """Let the vector index be filled anew."""
        self._db.execute(f"UPDATE {self._table} SET indexed=0")


def packed(entry: Entry, chunk: Chunk, vector: Vector, rows: Vector) -> ChunkVectors:
    """A chunk's vectors and terms as they would come out of the ledger."""
    return ChunkVectors(chunk.id, chunk.entry_id, vector, json.dumps(chunk.sentences), _pack(rows), _terms(entry, chunk))


def _terms(entry: Entry, chunk: Chunk) -> bytes:
    return pack_terms(entry.title, [entry.abstract[start:end] for start, end in chunk.sentences], entry.abstract)


def select(db: sqlite3.Connection, query: str, column: str, ids: Sequence[str] | None) -> list[Any]:
    """Rows whose column is one of some values; all of them for None."""
    if ids is None:
        return db.execute(query).fetchall()
    rows: list[Any] = []
    for start in range(0, len(ids), 900):
        part = ids[start : start + 900]
        rows += db.execute(f"{query} WHERE {column} IN ({','.join('?' * len(part))})", part).fetchall()
    return rows


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in json.loads(text))


def _pack(rows: Vector) -> bytes:
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / 127
    packed: bytes = scale.astype("<f4").tobytes() + np.rint(rows / scale).astype(np.int8).tobytes()
    return packed


def _unpack(blob: bytes, dimensions: int) -> Vector:
    count = len(blob) // (4 + dimensions)
    scale = np.frombuffer(blob, dtype="<f4", count=count)
    cells = np.frombuffer(blob, dtype=np.int8, offset=4 * count).reshape(count, dimensions)
    return np.asarray(cells * scale[:, None], dtype=np.float32)
