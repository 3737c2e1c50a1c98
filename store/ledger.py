"""The ledger: an SQLite file that is the source of truth for a corpus.

Entries, where each was read, chunks, their vectors, and what each index already holds. Both indexes are derived from it
and can be deleted. Every change is a transaction; a process killed at any point leaves the last committed state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import translate
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from store.errors import NotFoundError, StoreError
from store.types import Chunk, Entry, Filtered, Filters, Provenance, Record, Span

FORMAT = 1
Vector = npt.NDArray[np.float32]

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, name TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE records(
  source INTEGER NOT NULL REFERENCES sources(id), ordinal INTEGER NOT NULL, line INTEGER NOT NULL,
  entry TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(source, ordinal)) WITHOUT ROWID;
CREATE INDEX records_entry ON records(entry);
CREATE TABLE entries(
  id TEXT PRIMARY KEY, title TEXT, abstract TEXT NOT NULL, authors TEXT NOT NULL, year INTEGER, venue TEXT, url TEXT,
  doi TEXT, arxiv TEXT, aliases TEXT NOT NULL, lexical INTEGER NOT NULL DEFAULT 0);
CREATE INDEX entries_lexical ON entries(lexical) WHERE lexical = 0;
CREATE TABLE keys(key TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX keys_entry ON keys(entry);
CREATE TABLE chunks(
  id TEXT PRIMARY KEY, entry TEXT NOT NULL, ordinal INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
  carried TEXT, sentences TEXT NOT NULL, vector BLOB, sentence_vectors BLOB, indexed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX chunks_entry ON chunks(entry);
CREATE INDEX chunks_pending ON chunks(indexed) WHERE indexed = 0;
CREATE TABLE removals(kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A file that was read."""

    id: int
    path: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record of a file, with the entry it belongs to."""

    ordinal: int
    line: int
    entry: str
    body: str


@dataclass(frozen=True, slots=True)
class ChunkVectors:
    """Stored vectors of a chunk; those of its sentences are unpacked when they are read."""

    id: str
    entry: str
    vector: Vector
    spans: str
    packed: bytes

    @property
    def sentences(self) -> tuple[Span, ...]:
        """Spans of the sentences in the whole abstract."""
        return _spans(self.spans)

    @property
    def rows(self) -> Vector:
        """The title's vector (zeros where there is no title), then one row a sentence; unit length."""
        return _unpack(self.packed, len(self.vector))


class Ledger:
    """Reads and writes the ledger of one store.

    Args:
        path: the SQLite file.
        create: make it where it is missing.

    Raises:
        StoreError: the file is missing, damaged, or written by a newer version.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if not create and not path.exists():
            raise StoreError(f"{path.parent}: no store here.", "Make one with: assistant ingest FILE --store DIR")
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            if create and not self._db.execute("SELECT 1 FROM sqlite_master WHERE name='meta'").fetchone():
                with self.transaction():
                    for statement in _SCHEMA.split(";"):
                        self._db.execute(statement)
                    self.set_meta("format", str(FORMAT))
                    self.set_meta("generation", "0")
            found = int(self.meta("format") or 0)
        except (sqlite3.Error, OSError, ValueError) as error:
            if "readonly" in str(error) or "unable to open" in str(error):
                raise StoreError(
                    f"{path.parent}: the store cannot be opened ({error}).",
                    "Reading needs permission to write too: check the folder's owner.",
                ) from None
            raise StoreError(
                f"{path}: the ledger cannot be read ({error}).", "Restore it from a backup, or ingest the files into a new store."
            ) from None
        if found != FORMAT:
            raise StoreError(
                f"{path}: the store has format {found}, this program reads {FORMAT}.", "Update the program or make a new store."
            )

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the changes inside, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        """A stored setting such as ``generation`` or ``embedder``."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting."""
        self._db.execute("INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value", (key, value))

    @property
    def generation(self) -> int:
        """Counts changes of the indexes; a reader that sees a new number opens them again."""
        return int(self.meta("generation") or 0)

    def bump_generation(self) -> None:
        """Tell readers that the indexes changed."""
        self.set_meta("generation", str(self.generation + 1))

    # Files and their records

    def sources(self) -> list[SourceRow]:
        """Files read so far, in the order they were first read."""
        return [SourceRow(*row) for row in self._db.execute("SELECT id, path, name, sha256 FROM sources ORDER BY id")]

    def put_source(self, path: str, name: str, sha256: str, known: int | None = None) -> int:
        """Add a file, or update the path and hash of the known one; returns its number."""
        if known is not None:
            self._db.execute("UPDATE sources SET path=?, name=?, sha256=? WHERE id=?", (path, name, sha256, known))
            return known
        return int(self._db.execute("INSERT INTO sources(path, name, sha256) VALUES(?,?,?)", (path, name, sha256)).lastrowid or 0)

    def drop_source(self, source: int) -> None:
        """Forget a file. Its records must be gone."""
        self._db.execute("DELETE FROM sources WHERE id=?", (source,))

    def records_of_source(self, source: int) -> dict[int, RecordRow]:
        """A file's records by ordinal."""
        rows = self._db.execute("SELECT ordinal, line, entry, body FROM records WHERE source=?", (source,))
        return {row[0]: RecordRow(*row) for row in rows}

    def put_record(self, source: int, ordinal: int, entry: str, record: Record) -> None:
        """Add or replace a record; the last one put decides what the entry says."""
        seq = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM records WHERE entry=?", (entry,)).fetchone()[0]
        self._db.execute(
            "INSERT OR REPLACE INTO records VALUES(?,?,?,?,?,?)", (source, ordinal, record.line, entry, seq, record_body(record))
        )

    def move_record(self, source: int, ordinal: int, line: int) -> None:
        """Note that an unchanged record now starts on another line."""
        self._db.execute("UPDATE records SET line=? WHERE source=? AND ordinal=?", (line, source, ordinal))

    def drop_record(self, source: int, ordinal: int) -> None:
        """Take a record out."""
        self._db.execute("DELETE FROM records WHERE source=? AND ordinal=?", (source, ordinal))

    def records_of_entry(self, entry: str) -> list[tuple[int, int]]:
        """(source, ordinal) of every record of an entry."""
        return self._db.execute("SELECT source, ordinal FROM records WHERE entry=?", (entry,)).fetchall()

    # Entries

    def find_key(self, key: str) -> str | None:
        """The entry that holds an identity key or an alias."""
        row = self._db.execute("SELECT entry FROM keys WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def add_keys(self, entry: str, keys: Iterable[str]) -> None:
        """Let an entry be found under more keys; a key that another entry has stays there."""
        self._db.executemany("INSERT OR IGNORE INTO keys VALUES(?,?)", ((key, entry) for key in keys))

    def merge_entry(self, entry: str) -> Entry | None:
        """What an entry's records say together: text of the last one put, other fields from the last one that has them.

        An abstract that is the mere beginning of another record's is a copy cut short, and the whole one is taken.
        """
        rows = self._db.execute("SELECT body FROM records WHERE entry=? ORDER BY seq DESC, source, ordinal", (entry,)).fetchall()
        if not rows:
            return None
        bodies: list[dict[str, Any]] = [json.loads(row[0]) for row in rows]

        def first(name: str) -> Any:
            return next((body[name] for body in bodies if body[name]), None)

        aliases = dict.fromkeys(alias for body in reversed(bodies) for alias in body["aliases"])
        return Entry(
            id=entry,
            title=first("title"),
            abstract=_whole([body["abstract"] for body in bodies]),
            authors=tuple(first("authors") or ()),
            year=first("year"),
            venue=first("venue"),
            url=first("url"),
            doi=first("doi"),
            arxiv=first("arxiv"),
            aliases=tuple(aliases),
        )

    def put_entry(self, entry: Entry) -> None:
        """Add or replace an entry and mark it to be indexed."""
        self._db.execute(
            "INSERT OR REPLACE INTO entries VALUES(?,?,?,?,?,?,?,?,?,?,0)",
            (
                entry.id,
                entry.title,
                entry.abstract,
                json.dumps(entry.authors, ensure_ascii=False),
                entry.year,
                entry.venue,
                entry.url,
                entry.doi,
                entry.arxiv,
                json.dumps(entry.aliases, ensure_ascii=False),
            ),
        )

    def drop_entry(self, entry: str) -> None:
        """Take an entry and its chunks out, and note them to be taken out of the indexes."""
        self.drop_chunks(entry)
        self._db.execute("INSERT OR IGNORE INTO removals VALUES('entry', ?)", (entry,))
        self._db.execute("DELETE FROM keys WHERE entry=?", (entry,))
        self._db.execute("DELETE FROM entries WHERE id=?", (entry,))

    def get(self, entry: str) -> Entry | None:
        """One entry with its provenance."""
        found = self.entries([entry])
        return found.get(entry)

    def entries(self, ids: Sequence[str] | None = None) -> dict[str, Entry]:
        """Entries by id, with provenance.

        Args:
            ids: which ones; None for all of them.
        """
        columns = "id, title, abstract, authors, year, venue, url, doi, arxiv, aliases"
        rows = self._select(f"SELECT {columns} FROM entries", "id", ids)
        where: dict[str, list[Provenance]] = {}
        places = "SELECT r.entry, s.name, r.ordinal, r.line FROM records r JOIN sources s ON s.id = r.source"
        for entry, name, ordinal, line in sorted(self._select(places, "r.entry", ids), key=lambda row: (row[1], row[2])):
            where.setdefault(entry, []).append(Provenance(name, ordinal, line))
        return {
            row[0]: Entry(
                id=row[0],
                title=row[1],
                abstract=row[2],
                authors=tuple(json.loads(row[3])),
                year=row[4],
                venue=row[5],
                url=row[6],
                doi=row[7],
                arxiv=row[8],
                aliases=tuple(json.loads(row[9])),
                provenance=tuple(where.get(row[0], ())),
            )
            for row in rows
        }

    def find_place(self, name: str, ordinal: int) -> str | None:
        """The entry at ``file#ordinal``."""
        row = self._db.execute(
            "SELECT r.entry FROM records r JOIN sources s ON s.id = r.source WHERE s.name=? AND r.ordinal=?", (name, ordinal)
        ).fetchone()
        if row:
            return str(row[0])
        # The beginning of a file's name will do where only one file has it.
        names = [source.name for source in self.sources() if name and source.name.startswith(name) and source.name != name]
        return self.find_place(names[0], ordinal) if len(names) == 1 else None

    def counts(self) -> dict[str, int]:
        """Entries, provenances, files, chunks and what still waits to be indexed."""
        queries = {
            "entries": "SELECT count(*) FROM entries",
            "provenances": "SELECT count(*) FROM records",
            "files": "SELECT count(*) FROM sources",
            "chunks": "SELECT count(*) FROM chunks",
            "waiting": "SELECT (SELECT count(*) FROM chunks WHERE indexed=0) + (SELECT count(*) FROM entries WHERE lexical=0)"
            " + (SELECT count(*) FROM removals)",
        }
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in queries.items()}

    def waiting(self) -> int:
        """Entries that are not yet in both indexes."""
        query = "SELECT count(*) FROM entries WHERE lexical=0 OR id IN (SELECT entry FROM chunks WHERE indexed=0)"
        return int(self._db.execute(query).fetchone()[0])

    def filter(self, filters: Filters) -> Filtered:
        """Entries that pass every filter, and how many lacked a field that was asked for.

        Raises:
            NotFoundError: no file has the name asked for.
        """
        tests: list[str] = []
        values: list[object] = []
        lacking: dict[str, int] = {}
        if filters.years:
            low, high = filters.years
            tests.append("year BETWEEN ? AND ?")
            values += [-9999 if low is None else low, 9999 if high is None else high]
            lacking["year"] = self._lacking("year IS NULL")
        if filters.author:
            tests.append("casefold(authors) LIKE ? ESCAPE '\\'")
            values.append(_contains(filters.author))
            lacking["author"] = self._lacking("authors = '[]'")
        if filters.venue:
            tests.append("casefold(venue) LIKE ? ESCAPE '\\'")
            values.append(_contains(filters.venue))
            lacking["venue"] = self._lacking("venue IS NULL")
        if filters.source:
            tests.append("id IN (SELECT r.entry FROM records r JOIN sources s ON s.id = r.source WHERE s.name REGEXP ?)")
            values.append(translate(filters.source))
            names = sorted({source.name for source in self.sources()})
            if not any(_matches(translate(filters.source), name) for name in names):
                raise NotFoundError(f"No file {filters.source!r} was read into this store.", f"It holds {', '.join(names[:8])}.")
        self._db.create_function("casefold", 1, lambda text: text.casefold() if text else text, deterministic=True)
        self._db.create_function("regexp", 2, _matches, deterministic=True)
        rows = self._db.execute("SELECT id FROM entries" + (" WHERE " + " AND ".join(tests) if tests else ""), values)
        return Filtered(frozenset(row[0] for row in rows), lacking)

    def _lacking(self, test: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM entries WHERE {test}").fetchone()[0])

    # Chunks and what the indexes hold

    def put_chunks(self, entry: str, chunks: Sequence[Chunk]) -> None:
        """Replace an entry's chunks; the new ones wait to be embedded."""
        self.drop_chunks(entry)
        for chunk in chunks:
            self._db.execute("DELETE FROM removals WHERE kind='chunk' AND id=?", (chunk.id,))
            self._db.execute(
                "INSERT INTO chunks VALUES(?,?,?,?,?,?,?,NULL,NULL,0)",
                (chunk.id, entry, chunk.ordinal, *chunk.span, chunk.title, json.dumps(chunk.sentences)),
            )

    def drop_chunks(self, entry: str) -> None:
        """Take an entry's chunks out and note them to be taken out of the vector index."""
        self._db.execute("INSERT OR IGNORE INTO removals SELECT 'chunk', id FROM chunks WHERE entry=?", (entry,))
        self._db.execute("DELETE FROM chunks WHERE entry=?", (entry,))

    def chunks_to_embed(self, limit: int) -> list[Chunk]:
        """Chunks that have no vector yet."""
        rows = self._db.execute(
            "SELECT c.id, c.entry, c.ordinal, c.carried, c.start, c.stop, c.sentences, e.abstract FROM chunks c "
            "JOIN entries e ON e.id = c.entry WHERE c.indexed = 0 AND c.vector IS NULL ORDER BY c.rowid LIMIT ?",
            (limit,),
        )
        return [
            Chunk(id, entry, ordinal, title, Span(start, stop), abstract[start:stop], _spans(sentences))
            for id, entry, ordinal, title, start, stop, sentences, abstract in rows
        ]

    def count_to_embed(self) -> int:
        """How many chunks have no vector yet."""
        return int(self._db.execute("SELECT count(*) FROM chunks WHERE indexed = 0 AND vector IS NULL").fetchone()[0])

    def put_vectors(self, chunk: str, vector: Vector, rows: Vector) -> None:
        """Store a chunk's vector (float32) and those of its title and sentences (int8, one scale a row)."""
        self._db.execute(
            "UPDATE chunks SET vector=?, sentence_vectors=? WHERE id=?",
            (vector.astype("<f4").tobytes(), _pack(rows), chunk),
        )

    def chunks_to_index(self, limit: int) -> list[tuple[str, str, Vector]]:
        """(chunk id, entry id, vector) of embedded chunks that the vector index does not hold yet."""
        rows = self._db.execute(
            "SELECT id, entry, vector FROM chunks WHERE indexed=0 AND vector IS NOT NULL ORDER BY rowid LIMIT ?", (limit,)
        )
        return [(id, entry, np.frombuffer(blob, dtype="<f4")) for id, entry, blob in rows]

    def mark_chunks(self, ids: Iterable[str]) -> None:
        """Note that the vector index holds these chunks."""
        self._db.executemany("UPDATE chunks SET indexed=1 WHERE id=?", ((id,) for id in ids))

    def entries_to_index(self, limit: int) -> list[tuple[str, str | None, str]]:
        """(id, title, abstract) of entries that the lexical index does not hold yet."""
        return self._db.execute("SELECT id, title, abstract FROM entries WHERE lexical=0 ORDER BY rowid LIMIT ?", (limit,)).fetchall()

    def mark_entries(self, ids: Iterable[str]) -> None:
        """Note that the lexical index holds these entries."""
        self._db.executemany("UPDATE entries SET lexical=1 WHERE id=?", ((id,) for id in ids))

    def removals(self, kind: str) -> list[str]:
        """Ids (``chunk`` or ``entry``) that an index may still hold and must not."""
        return [row[0] for row in self._db.execute("SELECT id FROM removals WHERE kind=?", (kind,))]

    def clear_removals(self, kind: str, ids: Iterable[str]) -> None:
        """Note that an index no longer holds these."""
        self._db.executemany("DELETE FROM removals WHERE kind=? AND id=?", ((kind, id) for id in ids))

    def unmark(self, *, vectors: bool = False, lexical: bool = False, embeddings: bool = False) -> None:
        """Let an index be filled anew; with ``embeddings`` the vectors are made anew too."""
        if embeddings:
            self._db.execute("UPDATE chunks SET vector=NULL, sentence_vectors=NULL")
        if vectors or embeddings:
            self._db.execute("UPDATE chunks SET indexed=0")
            self._db.execute("DELETE FROM removals WHERE kind='chunk'")
        if lexical:
            self._db.execute("UPDATE entries SET lexical=0")
            self._db.execute("DELETE FROM removals WHERE kind='entry'")

    def marked(self, kind: str) -> int:
        """How many of ``chunk`` or ``entry`` an index holds by the ledger's marks."""
        table, mark = ("chunks", "indexed") if kind == "chunk" else ("entries", "lexical")
        return int(self._db.execute(f"SELECT count(*) FROM {table} WHERE {mark}=1").fetchone()[0])

    def indexed_ids(self, kind: str) -> set[str]:
        """Ids that the ledger says an index holds: of ``chunk`` or ``entry``."""
        table, mark = ("chunks", "indexed") if kind == "chunk" else ("entries", "lexical")
        return {row[0] for row in self._db.execute(f"SELECT id FROM {table} WHERE {mark}=1")}

    def vectors(self, entries: Sequence[str]) -> list[ChunkVectors]:
        """Stored vectors of all chunks of some entries."""
        rows = self._select("SELECT id, entry, vector, sentences, sentence_vectors FROM chunks", "entry", entries)
        return [
            ChunkVectors(id, entry, np.frombuffer(blob, dtype="<f4"), sentences, packed)
            for id, entry, blob, sentences, packed in rows
            if blob is not None
        ]

    def entry_vectors(self) -> Iterator[tuple[str, Vector]]:
        """The unit vector of every entry that has one, by id: the mean of its chunks'."""
        rows = self._db.execute("SELECT entry, vector FROM chunks WHERE vector IS NOT NULL ORDER BY entry")
        for entry, chunks in groupby(rows, key=lambda row: row[0]):
            mean = np.mean([np.frombuffer(blob, dtype="<f4") for _, blob in chunks], axis=0)
            yield entry, np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    def _select(self, query: str, column: str, ids: Sequence[str] | None) -> list[Any]:
        if ids is None:
            return self._db.execute(query).fetchall()
        rows: list[Any] = []
        for start in range(0, len(ids), 900):
            part = ids[start : start + 900]
            rows += self._db.execute(f"{query} WHERE {column} IN ({','.join('?' * len(part))})", part).fetchall()
        return rows


def _whole(abstracts: Sequence[str]) -> str:
    text = abstracts[0]
    for other in abstracts[1:]:
        if len(other) > len(text) and other.startswith(text):
            text = other
    return text


def record_body(record: Record) -> str:
    """A record without its line, as stored and compared."""
    body = asdict(record)
    del body["line"]
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


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


def _contains(text: str) -> str:
    escaped = text.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _matches(pattern: str, text: str) -> bool:
    import re

    return re.match(pattern, text) is not None
