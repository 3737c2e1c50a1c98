"""The ledger: an SQLite file that is the source of truth for a corpus.

Entries, where each was read, chunks, their vectors, and what each index already holds. Both indexes are derived from it
and can be deleted. Every change is a transaction; a process killed at any point leaves the last committed state.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import translate
from itertools import chain
from pathlib import Path
from typing import Any

from store import schema
from store.chunk_rows import ChunkRows, select
from store.errors import NotFoundError, StoreError
from store.record_rows import RecordRows
from store.types import Entry, Filtered, Filters, Provenance

STAGED = "next_chunks"
# The most that SQLite maps.
_MAPPED = 0x7FFF0000
# Filters whose entries are kept in memory: 100 bytes an entry.
_FILTERS = 8


_MARKS = {"chunk": ("chunks", "indexed"), "entry": ("entries", "lexical")}


class Ledger(ChunkRows, RecordRows):
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
        self._filtered: dict[Filters, Filtered] = {}
        self._filtered_at: tuple[int, int] | None = None
        try:
            super().__init__(sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False))
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA cache_size=-32000")
            self.map_file(True)
            if create:
                self._db.execute(f"PRAGMA page_size={schema.PAGE}")
                # Kept in the file. A reader must not ask for it: that needs the file for itself.
                self._db.execute("PRAGMA journal_mode=WAL")
            if create and not self._db.execute("SELECT 1 FROM sqlite_master WHERE name='meta'").fetchone():
                with self.transaction():
                    schema.create(self._db)
                    self.set_meta("format", str(schema.FORMAT))
            self.format = int(self.meta("format") or 0)
        except (sqlite3.Error, OSError, ValueError) as error:
            if "readonly" in str(error) or "unable to open" in str(error):
                raise StoreError(
                    f"{path.parent}: the store cannot be opened ({error}).",
                    "Reading needs permission to write too: check the folder's owner.",
                ) from None
            if "no such table" in str(error):
                raise StoreError(
                    f"{path.parent}: no store here yet; it is empty or being made.", "Make one with: assistant ingest FILE"
                ) from None
            if "disk is full" in str(error):
                raise StoreError(
                    f"{path.parent}: the store cannot be opened (the disk is full).", "Free some space; nothing is lost."
                ) from None
            raise StoreError(
                f"{path}: the ledger cannot be read ({error}).", "Restore it from a backup, or ingest the files into a new store."
            ) from None
        if self.format > schema.FORMAT or self.format < 1:
            raise StoreError(
                f"{path}: the store has format {self.format}, this program reads {schema.FORMAT}.",
                "It was made by a newer version: update the program. Nothing was changed.",
            )

    def migrate(self) -> Path | None:
        """Bring a ledger of an earlier format to this one. The caller holds the store's writer lock.

        Returns:
            The copy that was made first; None where there was nothing to do, as when another process has just done it.
        """
        found = int(self.meta("format") or 0)
        if found < schema.FORMAT:
            schema.migrate(self._db, self._path, found)
        self.format = schema.FORMAT
        return schema.backup_path(self._path, found) if found < schema.FORMAT else None

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def map_file(self, on: bool) -> None:
        """Read through the system's memory map, which finds scattered rows five times as fast; a writer, which comes by all of
        them, would seem to take as much memory as the file."""
        self._db.execute(f"PRAGMA mmap_size={_MAPPED if on else 0}")

    def execute(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a statement on the ledger's connection, which is where temporary tables live."""
        return self._db.execute(query, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the changes inside, or none.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise no_room(self._path, error) from error

    def meta(self, key: str) -> str | None:
        """A stored setting such as ``format`` or ``embedder``."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting."""
        self._db.execute("INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value", (key, value))

    def generation(self, kind: str) -> int:
        """Counts changes of the ``vector`` or the ``lexical`` index; a reader that sees a new number opens it again."""
        return int(self.meta(f"{kind}_generation") or 0)

    def bump_generation(self, kind: str) -> None:
        """Tell readers that the ``vector`` or the ``lexical`` index changed."""
        self.set_meta(f"{kind}_generation", str(self.generation(kind) + 1))

    def join_entries(self, main: str, other: str) -> None:
        """Give an entry's records and keys to another; its id stays as an alias."""
        self._db.execute("UPDATE records SET entry=? WHERE entry=?", (main, other))
        self._db.execute("UPDATE keys SET entry=? WHERE entry=?", (main, other))
        self.add_keys(main, [f"alias:{other}"])
        self.drop_entry(other)

    # Entries

    def merge_entry(self, entry: str) -> Entry | None:
        """What an entry's records say together: text of the last one put, other fields from the last one that has them.

        An abstract that is the mere beginning of another record's is a copy cut short, and the whole one is taken.
        """
        rows = self._db.execute("SELECT body FROM records WHERE entry=? ORDER BY seq DESC, source, ordinal", (entry,)).fetchall()
        if not rows:
            return None
        bodies: list[dict[str, Any]] = [json.loads(row[0]) for row in rows]

        def first(name: str) -> Any:
            return next((body[name] for body in bodies if body.get(name)), None)

        aliases = dict.fromkeys(alias for body in reversed(bodies) for alias in body.get("aliases", ()))
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
            keywords=tuple(first("keywords") or ()),
        )

    def put_entry(self, entry: Entry, *, anew: bool) -> None:
        """Add or replace an entry.

        Args:
            anew: its text is new, so that it must be cut and indexed.
        """
        if anew:
            self._drop_cut(entry.id)
        self._db.execute(
            "INSERT INTO entries VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET title=excluded.title, "
            "abstract=excluded.abstract, authors=excluded.authors, year=excluded.year, venue=excluded.venue, url=excluded.url, "
            "doi=excluded.doi, arxiv=excluded.arxiv, aliases=excluded.aliases, keywords=excluded.keywords, "
            "author_names=excluded.author_names, venue_name=excluded.venue_name" + (", lexical=0, chunked=0" if anew else ""),
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
                0,
                json.dumps(entry.keywords, ensure_ascii=False),
                0,
                schema.folded_names(entry.authors),
                (entry.venue or "").casefold(),
            ),
        )

    def drop_entry(self, entry: str) -> None:
        """Take an entry and its chunks out, and note them to be taken out of the indexes."""
        self._drop_cut(entry)
        self._db.execute("INSERT OR IGNORE INTO removals VALUES('entry', ?)", (entry,))
        self._db.execute("DELETE FROM keys WHERE entry=?", (entry,))
        self._db.execute("DELETE FROM entries WHERE id=?", (entry,))

    def _drop_cut(self, entry: str) -> None:
        self.drop_chunks(entry)
        if staged := self.staging():
            staged.drop_chunks(entry)

    def get(self, entry: str) -> Entry | None:
        """One entry with its provenance."""
        found = self.entries([entry])
        return found.get(entry)

    def entries(self, ids: Sequence[str] | None = None) -> dict[str, Entry]:
        """Entries by id, with provenance.

        Args:
            ids: which ones; None for all of them.
        """
        columns = "id, title, abstract, authors, year, venue, url, doi, arxiv, aliases, keywords"
        rows = select(self._db, f"SELECT {columns} FROM entries", "id", ids)
        where: dict[str, list[Provenance]] = {}
        places = "SELECT r.entry, s.name, r.ordinal, r.line, r.gone FROM records r JOIN sources s ON s.id = r.source"
        for entry, name, ordinal, line, gone in sorted(
            select(self._db, places, "r.entry", ids), key=lambda row: (row[4] > 0, row[1], row[2])
        ):
            # Where it was last, only for an entry that no file holds any more.
            if not gone or entry not in where:
                where.setdefault(entry, []).append(Provenance(name, ordinal, line))
        return {
            row[0]: Entry(
                id=row[0],
                title=row[1],
                abstract=row[2],
                authors=_listed(row[3]),
                year=row[4],
                venue=row[5],
                url=row[6],
                doi=row[7],
                arxiv=row[8],
                aliases=_listed(row[9]),
                keywords=_listed(row[10]),
                provenance=tuple(where.get(row[0], ())),
            )
            for row in rows
        }

    def each_entry(self, ids: Iterable[str] | None = None) -> Iterator[Entry]:
        """Entries in the order they came, a few at a time, so that memory does not grow with their number."""
        wanted = None if ids is None else set(ids)
        rows = self._db.execute("SELECT id FROM entries ORDER BY rowid").fetchall()
        order = [row[0] for row in rows if wanted is None or row[0] in wanted]
        for start in range(0, len(order), 500):
            part = order[start : start + 500]
            held = self.entries(part)
            yield from (held[id] for id in part if id in held)

    def entry_ids(self) -> frozenset[str]:
        """Ids of all entries."""
        return frozenset(self._ids("SELECT id FROM entries", ()))

    def sample_entries(self, count: int) -> list[Entry]:
        """Entries from all over the store, the same ones each time."""
        rows = self._db.execute("SELECT id FROM entries ORDER BY id").fetchall()
        step = max(1, len(rows) // count)
        return list(self.entries([row[0] for row in rows[::step][:count]]).values())

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file."""
        # Through the map, a part of the disk that cannot be read would end the process.
        self.map_file(False)
        try:
            found = [str(row[0]) for row in self._db.execute("PRAGMA quick_check(5)")]
        except sqlite3.DatabaseError as error:
            return [f"the ledger is damaged: {error}"]
        finally:
            self.map_file(True)
        return [] if found == ["ok"] else [f"the ledger is damaged: {text}" for text in found]

    def counts(self) -> dict[str, int]:
        """Entries, provenances, files, chunks and what still waits to be indexed."""
        queries = {
            "entries": "SELECT count(*) FROM entries",
            "provenances": "SELECT count(*) FROM records WHERE gone=0",
            "files": "SELECT count(*) FROM sources",
            "chunks": "SELECT count(*) FROM chunks",
            "waiting": "SELECT (SELECT count(*) FROM chunks WHERE indexed=0) + (SELECT count(*) FROM entries WHERE lexical=0)"
            " + (SELECT count(*) FROM entries WHERE chunked=0) + (SELECT count(*) FROM removals)",
        }
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in queries.items()}

    def waiting(self) -> int:
        """Entries that are not yet in both indexes."""
        query = "SELECT count(*) FROM entries WHERE lexical=0 OR chunked=0 OR id IN (SELECT entry FROM chunks WHERE indexed=0)"
        return int(self._db.execute(query).fetchone()[0])

    def filter(self, filters: Filters) -> Filtered:
        """Entries that pass every filter, and how many lacked a field that was asked for.

        A conversation asks with the same filter again and again, so the last few are kept until the ledger changes.

        Raises:
            NotFoundError: no file has the name asked for.
        """
        version = (int(self._db.execute("PRAGMA data_version").fetchone()[0]), self._db.total_changes)
        if version != self._filtered_at:
            self._filtered_at, self._filtered = version, {}
        if filters not in self._filtered:
            if len(self._filtered) == _FILTERS:
                del self._filtered[next(iter(self._filtered))]
            self._filtered[filters] = self._filter(filters)
        return self._filtered[filters]

    def _filter(self, filters: Filters) -> Filtered:
        lacking: dict[str, int] = {}
        found: list[set[str]] = []
        years, bounds = "", []
        if filters.years:
            low, high = filters.years
            # The plus keeps SQLite from reading a year's entries one by one where an index holds names and years.
            years, bounds = " AND +year BETWEEN ? AND ?", [-9999 if low is None else low, 9999 if high is None else high]
            lacking["year"] = self._lacking("year IS NULL")
        for name, column, text in (("author", "author_names", filters.author), ("venue", "venue_name", filters.venue)):
            if text:
                found.append(self._ids(f"SELECT id FROM entries WHERE instr({column}, ?) > 0{years}", [text.casefold(), *bounds]))
                lacking[name] = self._lacking(f"{column} = ''")
        if filters.source:
            names = sorted({source.name for source in self.sources()})
            wanted = [name for name in names if re.match(translate(filters.source), name)]
            if not wanted:
                raise NotFoundError(f"No file {filters.source!r} was read into this store.", f"It holds {', '.join(names[:8])}.")
            marks = ",".join("?" * len(wanted))
            found.append(
                self._ids(f"SELECT DISTINCT r.entry FROM records r JOIN sources s ON s.id = r.source WHERE s.name IN ({marks})", wanted)
            )
        if not filters.author and not filters.venue:
            found.append(self._ids("SELECT id FROM entries" + (" WHERE year BETWEEN ? AND ?" if years else ""), bounds))
        return Filtered(frozenset(found[0].intersection(*found[1:])), lacking)

    def _ids(self, query: str, values: Sequence[object]) -> set[str]:
        return set(chain.from_iterable(self._db.execute(query, values)))

    def _lacking(self, test: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM entries WHERE {test}").fetchone()[0])

    # What the lexical index holds

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

    def unmark(self, kind: str) -> None:
        """Let an index be filled anew: of ``chunk`` or ``entry``."""
        table, mark = _MARKS[kind]
        self._db.execute(f"UPDATE {table} SET {mark}=0")
        self._db.execute("DELETE FROM removals WHERE kind=?", (kind,))

    def marked(self, kind: str) -> int:
        """How many of ``chunk`` or ``entry`` an index holds by the ledger's marks."""
        table, mark = _MARKS[kind]
        # There is an index of what is not marked; counting what is would read the whole table.
        query = f"SELECT (SELECT count(*) FROM {table}) - (SELECT count(*) FROM {table} WHERE {mark}=0)"
        return int(self._db.execute(query).fetchone()[0])

    def indexed_ids(self, kind: str) -> set[str]:
        """Ids that the ledger says an index holds: of ``chunk`` or ``entry``."""
        table, mark = _MARKS[kind]
        return {row[0] for row in self._db.execute(f"SELECT id FROM {table} WHERE {mark}=1")}

    # Chunks made with another embedder, until they are whole

    def staging(self) -> ChunkRows | None:
        """Chunks that are being made with another embedder; None where none are."""
        return ChunkRows(self._db, STAGED) if self.meta("next_embedder") else None

    def begin_staging(self, embedder: str) -> ChunkRows:
        """Start, or go on, making chunks with another embedder. Call inside a transaction."""
        if self.meta("next_embedder") != embedder:
            self._db.execute(f"DROP TABLE IF EXISTS {STAGED}")
            schema.create_chunks(self._db, STAGED)
            self.set_meta("next_embedder", embedder)
        return ChunkRows(self._db, STAGED)

    def end_staging(self, *, use: bool) -> None:
        """Put the chunks made with another embedder in place of those there are, or drop them. Call inside a transaction."""
        if use:
            self._db.execute("DROP TABLE chunks")
            schema.rename_chunks(self._db, STAGED, "chunks")
            self._db.execute("DELETE FROM removals WHERE kind='chunk'")
            self._db.execute("UPDATE entries SET chunked=1")
            self.set_meta("embedder", self.meta("next_embedder") or "")
        else:
            self._db.execute(f"DROP TABLE IF EXISTS {STAGED}")
        self._db.execute("DELETE FROM meta WHERE key='next_embedder'")


def no_room(path: Path, error: Exception) -> StoreError:
    """The error of a write that the disk did not take."""
    return StoreError(
        f"{path.parent}: the store cannot be written ({error}).",
        "Free some space or mend the disk, then run the same again; nothing stored is lost.",
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text != "[]" else ()


def _whole(abstracts: Sequence[str]) -> str:
    text = abstracts[0]
    for other in abstracts[1:]:
        if len(other) > len(text) and other.startswith(text):
            text = other
    return text
