"""Files that were read, their records, and the keys by which two records are one paper."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from store.ids import identity_keys
from store.types import Record


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


class RecordRows:
    """The tables of files, records and keys; a part of the ledger."""

    _db: sqlite3.Connection

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

    def record_at(self, source: int, ordinal: int) -> RecordRow | None:
        """The record at a place of a file."""
        row = self._db.execute("SELECT ordinal, line, entry, body FROM records WHERE source=? AND ordinal=? AND gone=0", (source, ordinal))
        found = row.fetchone()
        return RecordRow(*found) if found else None

    def count_records(self, source: int) -> int:
        """How many records a file held when it was read last."""
        return int(self._db.execute("SELECT count(*) FROM records WHERE source=? AND gone=0", (source,)).fetchone()[0])

    def put_record(self, source: int, ordinal: int, entry: str, record: Record) -> None:
        """Add or replace a record; the last one put decides what the entry says."""
        seq = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM records WHERE entry=?", (entry,)).fetchone()[0]
        self._db.execute(
            "INSERT OR REPLACE INTO records VALUES(?,?,0,?,?,?,?)", (source, ordinal, record.line, entry, seq, record_body(record))
        )

    def move_record(self, source: int, ordinal: int, line: int) -> None:
        """Note that an unchanged record now starts on another line."""
        self._db.execute("UPDATE records SET line=? WHERE source=? AND ordinal=? AND gone=0", (line, source, ordinal))

    # A record that a file no longer holds stays, as gone, until it is pruned.

    def displace(self, source: int, ordinal: int) -> None:
        """Note that a place of a file holds another record now, or none."""
        self._db.execute(
            "UPDATE records SET gone = 1 + (SELECT coalesce(max(gone), 0) FROM records WHERE source=?1 AND gone>0) "
            "WHERE source=?1 AND ordinal=?2 AND gone=0",
            (source, ordinal),
        )

    def displace_after(self, source: int, ordinal: int) -> None:
        """Note that a file ends at a place."""
        rows = self._db.execute("SELECT ordinal FROM records WHERE source=? AND gone=0 AND ordinal>?", (source, ordinal)).fetchall()
        for (place,) in rows:
            self.displace(source, place)

    def settle_moved(self, source: int) -> list[str]:
        """Forget gone records whose entry the file holds elsewhere; the entries."""
        which = "FROM records WHERE source=?1 AND gone>0 AND entry IN (SELECT entry FROM records WHERE source=?1 AND gone=0)"
        entries = [row[0] for row in self._db.execute(f"SELECT DISTINCT entry {which}", (source,))]
        self._db.execute(f"DELETE {which}", (source,))
        return entries

    def gone(self, source: int) -> list[str]:
        """Entries of records that a file no longer holds."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT entry FROM records WHERE source=? AND gone>0", (source,))]

    def drop_gone(self, source: int) -> None:
        """Take out records that a file no longer holds."""
        self._db.execute("DELETE FROM records WHERE source=? AND gone>0", (source,))

    def drop_records(self, *, source: int | None = None, entry: str | None = None) -> int:
        """Take out all records of a file or of an entry; how many."""
        column, value = ("source", source) if source is not None else ("entry", entry)
        return self._db.execute(f"DELETE FROM records WHERE {column}=?", (value,)).rowcount

    def entries_of_source(self, source: int) -> list[str]:
        """Entries that a file's records belong to."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT entry FROM records WHERE source=?", (source,))]

    def reread(self, entry: str) -> None:
        """Let the files of an entry be read anew even where they have not changed."""
        self._db.execute("UPDATE sources SET sha256='' WHERE id IN (SELECT source FROM records WHERE entry=?)", (entry,))

    # Which records are one paper

    def keys_beside(self, entry: str, source: int | None, ordinal: int) -> set[str]:
        """Identity keys of an entry's records but for one."""
        rows = self._db.execute(
            "SELECT body FROM records WHERE entry=? AND NOT (source=? AND ordinal=? AND gone=0)", (entry, source, ordinal)
        )
        return {key for row in rows for key in keys_of(row[0])}

    def only_from(self, entry: str, source: int | None) -> bool:
        """Whether one file alone brought an entry."""
        return not self._db.execute("SELECT 1 FROM records WHERE entry=? AND source IS NOT ? LIMIT 1", (entry, source)).fetchone()

    def oldest(self, entries: Sequence[str]) -> str:
        """The entry that came first."""
        marks = ",".join("?" * len(entries))
        row = self._db.execute(f"SELECT id FROM entries WHERE id IN ({marks}) ORDER BY rowid LIMIT 1", tuple(entries)).fetchone()
        return str(row[0])

    def rekey(self, entry: str) -> None:
        """Let an entry be found under what its records say now; aliases stay."""
        rows = self._db.execute("SELECT body FROM records WHERE entry=?", (entry,)).fetchall()
        self._db.execute("DELETE FROM keys WHERE entry=? AND key NOT LIKE 'alias:%'", (entry,))
        for row in rows:
            self.add_keys(entry, keys_of(row[0]))

    def find_key(self, key: str) -> str | None:
        """The entry that holds an identity key or an alias."""
        row = self._db.execute("SELECT entry FROM keys WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def add_keys(self, entry: str, keys: Iterable[str]) -> None:
        """Let an entry be found under more keys; a key that another entry has stays there."""
        self._db.executemany("INSERT OR IGNORE INTO keys VALUES(?,?)", ((key, entry) for key in keys))

    def find_place(self, name: str, ordinal: int) -> str | None:
        """The entry at ``file#ordinal``."""
        row = self._db.execute(
            "SELECT r.entry FROM records r JOIN sources s ON s.id = r.source WHERE s.name=? AND r.ordinal=? ORDER BY r.gone",
            (name, ordinal),
        ).fetchone()
        if row:
            return str(row[0])
        # The beginning of a file's name will do where only one file has it.
        names = [source.name for source in self.sources() if name and source.name.startswith(name) and source.name != name]
        return self.find_place(names[0], ordinal) if len(names) == 1 else None


def keys_of(body: str) -> tuple[str, ...]:
    """Identity keys of a record as it is stored."""
    held = json.loads(body)
    return identity_keys(Record(0, held.get("title"), held["abstract"], doi=held.get("doi"), arxiv=held.get("arxiv")))


def record_body(record: Record) -> str:
    """A record without its line, as stored and compared."""
    body = {name: value for name, value in asdict(record).items() if value and name not in ("line", "id")}
    return json.dumps(body, ensure_ascii=False, sort_keys=True)
