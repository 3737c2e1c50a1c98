"""Tables of the ledger, and how a ledger of an earlier format becomes one of this."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from store.term_rows import pack_terms

FORMAT = 3
# A row of chunks takes 6 KB; pages of 4 KB would make it three, and many small ones are slower to find.
PAGE = 32768

_CHUNKS = """
  id TEXT PRIMARY KEY, entry TEXT NOT NULL, ordinal INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
  carried TEXT, sentences TEXT NOT NULL, terms BLOB, vector BLOB, sentence_vectors BLOB, indexed INTEGER NOT NULL DEFAULT 0"""

# Rows of this size would waste a page each in a table WITHOUT ROWID.
_RECORDS = """
CREATE TABLE records(
  source INTEGER NOT NULL REFERENCES sources(id), ordinal INTEGER NOT NULL, gone INTEGER NOT NULL, line INTEGER NOT NULL,
  entry TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX records_place ON records(source, ordinal, gone);
CREATE INDEX records_entry ON records(entry);
CREATE INDEX records_gone ON records(source, gone) WHERE gone > 0;
"""

# A filter reads one of these and no abstract.
_FILTERS = """
CREATE INDEX entries_year ON entries(year, id);
CREATE INDEX entries_author ON entries(author_names, year, id);
CREATE INDEX entries_venue ON entries(venue_name, year, id);
"""

_SCHEMA = f"""
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, name TEXT NOT NULL, sha256 TEXT NOT NULL);
{_RECORDS}
CREATE TABLE entries(
  id TEXT PRIMARY KEY, title TEXT, abstract TEXT NOT NULL, authors TEXT NOT NULL, year INTEGER, venue TEXT, url TEXT,
  doi TEXT, arxiv TEXT, aliases TEXT NOT NULL, lexical INTEGER NOT NULL DEFAULT 0, keywords TEXT NOT NULL DEFAULT '[]',
  chunked INTEGER NOT NULL DEFAULT 0, author_names TEXT NOT NULL DEFAULT '', venue_name TEXT NOT NULL DEFAULT '');
{_FILTERS}
CREATE INDEX entries_lexical ON entries(lexical) WHERE lexical = 0;
CREATE INDEX entries_chunked ON entries(chunked) WHERE chunked = 0;
CREATE TABLE keys(key TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX keys_entry ON keys(entry);
CREATE TABLE removals(kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;
"""

# Format 1: no keywords, chunks cut with the entry, records of a file by their place alone.
_TO_2 = f"""
ALTER TABLE records RENAME TO records_1;
DROP INDEX records_entry;
{_RECORDS}
INSERT INTO records SELECT source, ordinal, 0, line, entry, seq, body FROM records_1;
DROP TABLE records_1;
ALTER TABLE entries ADD COLUMN keywords TEXT NOT NULL DEFAULT '[]';
ALTER TABLE entries ADD COLUMN chunked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN author_names TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN venue_name TEXT NOT NULL DEFAULT '';
UPDATE entries SET chunked = 1, author_names = folded_names(authors), venue_name = folded(venue);
{_FILTERS}
CREATE INDEX entries_chunked ON entries(chunked) WHERE chunked = 0;
UPDATE sources SET sha256 = '';
"""
# Format 2: no terms; what another embedder has begun is begun anew.
_TO_3 = """
ALTER TABLE chunks ADD COLUMN terms BLOB;
UPDATE chunks SET terms = (SELECT packed_terms(title, abstract, sentences) FROM entries WHERE id = chunks.entry);
DROP TABLE IF EXISTS next_chunks;
DELETE FROM meta WHERE key = 'next_embedder';
"""
_STEPS = {1: _TO_2, 2: _TO_3}


def folded_names(names: Sequence[str]) -> str:
    """Authors' names as a filter looks through them."""
    return "\n".join(names).casefold()


def _packed_terms(title: str | None, abstract: str, sentences: str) -> bytes:
    return pack_terms(title, [abstract[start:end] for start, end in json.loads(sentences)], abstract)


def create(db: sqlite3.Connection) -> None:
    """Make the tables. Call inside a transaction."""
    _run(db, _SCHEMA)
    create_chunks(db, "chunks")


def create_chunks(db: sqlite3.Connection, table: str) -> None:
    """Make a table of chunks. Call inside a transaction."""
    db.execute(f"CREATE TABLE {table}({_CHUNKS})")
    _index_chunks(db, table)


def rename_chunks(db: sqlite3.Connection, old: str, new: str) -> None:
    """Give a table of chunks another name, its indexes too. Call inside a transaction."""
    for name in ("entry", "pending"):
        db.execute(f"DROP INDEX IF EXISTS {old}_{name}")
    db.execute(f"ALTER TABLE {old} RENAME TO {new}")
    _index_chunks(db, new)


def _index_chunks(db: sqlite3.Connection, table: str) -> None:
    db.execute(f"CREATE INDEX {table}_entry ON {table}(entry)")
    db.execute(f"CREATE INDEX {table}_pending ON {table}(indexed) WHERE indexed = 0")


def backup_path(path: Path, found: int) -> Path:
    """Where the copy of a ledger of an earlier format is kept."""
    return path.with_name(f"{path.stem}.format{found}{path.suffix}")


def migrate(db: sqlite3.Connection, path: Path, found: int) -> None:
    """Bring a ledger to this format, after a copy of it has been made beside it. All or nothing.

    Args:
        db: the open ledger, outside of a transaction; the caller holds the store's writer lock.
        path: its file.
        found: the format it has.
    """
    backup = backup_path(path, found)
    unfinished = backup.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    db.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.replace(backup)
    db.create_function("folded", 1, lambda text: (text or "").casefold(), deterministic=True)
    db.create_function("folded_names", 1, lambda text: folded_names(json.loads(text)), deterministic=True)
    db.create_function("packed_terms", 3, _packed_terms, deterministic=True)
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in range(found, FORMAT):
            _run(db, _STEPS[step])
        db.execute("UPDATE meta SET value=? WHERE key='format'", (str(FORMAT),))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _run(db: sqlite3.Connection, script: str) -> None:
    # executescript would commit what is open.
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement)
