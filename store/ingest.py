"""The line from files to indexes: parse, find what changed, write the ledger, embed, index.

The ledger comes first. Whatever it holds and the indexes do not is finished by the next run, so that a kill at any point
loses nothing and repeats nothing but the batch it interrupted.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from store.chunk import chunk_entry
from store.errors import InputFileError, NotFoundError, UserError
from store.ids import identity_keys, make_id
from store.ledger import RecordRow, SourceRow, record_body
from store.parse import open_source
from store.parse.reader import file_hash
from store.store import Store
from store.types import Record, Reject

Progress = Callable[[str, int, int], None]

# A file that suddenly holds far fewer records is more likely cut short than edited.
_MANY_GONE = 10
_SAME_ABSTRACT = 0.7


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of an ingest: its base name and how many records it has."""

    file: str
    records: int


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did. Counts are of distinct entries; ``provenances`` and ``entries`` are totals now in the store."""

    files: tuple[FileReport, ...]
    provenances: int
    entries: int
    added: int
    updated: int
    unchanged: int
    removed: int
    rejected: tuple[Reject, ...]
    errors: tuple[UserError, ...]
    seconds: float


@dataclass
class _Tally:
    """Entries touched so far, by what happened to them."""

    added: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


class _DryRun(Exception):
    """Rolls a transaction back on purpose."""


def ingest(
    store: Store,
    paths: Iterable[Path],
    *,
    dry_run: bool = False,
    prune: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Read files into a store.

    Args:
        store: where to.
        paths: files, each read as a whole: what a file no longer holds leaves the store with it.
        dry_run: change nothing, only say what would change.
        prune: accept that a file lost most of its records.
        progress: called with a stage's name, the work done and the work in all.

    Returns:
        What changed, with what was rejected. A file that cannot be read is among ``errors``; the others are read all the same.
    """
    began = time.perf_counter()
    tally = _Tally()
    files: list[FileReport] = []
    rejects: list[Reject] = []
    errors: list[UserError] = []
    totals: dict[str, int] = {}
    with store.writing():
        try:
            with store.ledger.transaction() if dry_run else nullcontext():
                for path in paths:
                    try:
                        with nullcontext() if dry_run else store.ledger.transaction():
                            count, found = _apply_file(store, path, tally, prune=prune)
                    except UserError as error:
                        errors.append(error)
                        continue
                    files.append(FileReport(path.name, count))
                    rejects += found
                totals = store.ledger.counts()
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        else:
            index_pending(store, progress)
    gone = tally.removed - tally.added
    return IngestReport(
        files=tuple(files),
        provenances=totals["provenances"],
        entries=totals["entries"],
        added=len(tally.added - tally.removed),
        updated=len(tally.updated - tally.added - gone),
        unchanged=len(tally.seen - tally.added - tally.updated - gone),
        removed=len(gone),
        rejected=tuple(rejects),
        errors=tuple(errors),
        seconds=time.perf_counter() - began,
    )


def forget(store: Store, name: str) -> tuple[str, int, int]:
    """Take a file's records, or one entry, out of a store.

    Args:
        name: base name or path of a file that was read, else an entry as :meth:`Store.resolve` takes it.

    Returns:
        What was forgotten, how many records and how many entries left the store.

    Raises:
        NotFoundError: neither a file nor an entry has that name, or several files have it.
    """
    tally = _Tally()
    with store.writing():
        sources = [s for s in store.ledger.sources() if s.path in (name, str(Path(name).absolute()))]
        sources = sources or [s for s in store.ledger.sources() if s.name == name]
        if len(sources) > 1:
            paths = ", ".join(s.path for s in sources)
            raise NotFoundError(f"{len(sources)} files are named {name}: {paths}.", "Name one of them by its path.")
        with store.ledger.transaction():
            if sources:
                held = store.ledger.records_of_source(sources[0].id)
                records = len(held)
                _drop_records(store, sources[0].id, held, tally)
                store.ledger.drop_source(sources[0].id)
                what = f"the file {sources[0].name}"
            else:
                entry = store.resolve(name)
                places = store.ledger.records_of_entry(entry.id)
                records = len(places)
                for number, ordinal in places:
                    store.ledger.drop_record(number, ordinal)
                _refresh(store, entry.id, tally)
                what = f"the entry {entry.id}"
        index_pending(store)
    return what, records, len(tally.removed)


def index_pending(store: Store, progress: Progress | None = None) -> int:
    """Embed and index whatever the ledger holds and the indexes do not. Call inside ``store.writing()``.

    Returns:
        The number of chunks embedded.
    """
    ledger = store.ledger
    total = ledger.count_to_embed()
    done = 0
    while chunks := ledger.chunks_to_embed(store.settings.batch):
        embedder = store.embedder
        vectors = []
        for result in embedder.embed_chunks(chunks):
            vectors.append(result)
            done += 1
            if progress:
                progress("embedding", done, total)
        with ledger.transaction():
            if not ledger.meta("embedder"):
                ledger.set_meta("embedder", embedder.name)
            for chunk, result in zip(chunks, vectors, strict=True):
                ledger.put_vectors(chunk.id, result.vector, result.rows)
        _index(store)
    _index(store)
    return done


def _index(store: Store) -> None:
    """Bring both indexes up to the ledger, then mark what they hold."""
    ledger = store.ledger
    chunks = ledger.removals("chunk")
    if chunks:
        store.vectors.delete(chunks)
    changed = bool(chunks)
    while rows := ledger.chunks_to_index(2000):
        store.vectors.upsert(rows)
        with ledger.transaction():
            ledger.mark_chunks(row[0] for row in rows)
            ledger.bump_generation()
        store.committed()
    entries = ledger.removals("entry")
    while (texts := ledger.entries_to_index(20_000)) or entries:
        store.lexical.write(texts, entries)
        with ledger.transaction():
            ledger.mark_entries(text[0] for text in texts)
            ledger.clear_removals("entry", entries)
            ledger.bump_generation()
        store.committed()
        entries = []
    if changed:
        with ledger.transaction():
            ledger.clear_removals("chunk", chunks)
            ledger.bump_generation()
        store.committed()


def _apply_file(store: Store, path: Path, tally: _Tally, *, prune: bool) -> tuple[int, list[Reject]]:
    """Bring the ledger up to one file; runs inside a transaction. Returns the number of records, and the rejects."""
    digest = file_hash(path)
    known = _known_source(store, path, digest)
    old = store.ledger.records_of_source(known.id) if known else {}
    with open_source(path) as opened:
        parsed = list(opened.parse())
    records = [item for item in parsed if isinstance(item, Record)]
    rejects = [item for item in parsed if isinstance(item, Reject)]
    cut = _cut_short(records, old)
    if cut:
        rejects.append(Reject(path.name, records[-1].line, "the abstract breaks off where the stored one goes on; the stored one is kept"))
        records.pop()
    if not records:
        why = f" ({rejects[0].reason}, line {rejects[0].line})" if rejects else ""
        raise InputFileError(
            f"{path}: no paper found in this file{why}.", "Give a saved feed page or JSON Lines with an abstract in each line."
        )
    gone = {ordinal: row for ordinal, row in old.items() if ordinal > len(records)}
    if len(gone) >= _MANY_GONE and len(gone) * 2 > len(old) and not rejects and not prune:
        raise InputFileError(
            f"{path}: holds {len(records)} papers, {len(old)} were read from it before; nothing was changed.",
            "Check that the file is whole; if it is meant to be shorter: assistant ingest --prune FILE",
        )
    source = store.ledger.put_source(str(path.resolve()), path.name, digest, known.id if known else None)
    for ordinal, record in enumerate(records, start=1):
        _apply_record(store, source, ordinal, record, old.get(ordinal), tally)
    if not rejects:
        _drop_records(store, source, gone, tally)
    _refresh_left(store, old, tally)
    return len(records), rejects


def _known_source(store: Store, path: Path, digest: str) -> SourceRow | None:
    """The file as read before: at this path, or under this name with the same bytes or from a place it has left."""
    sources = store.ledger.sources()
    here = str(path.resolve())
    same = [s for s in sources if s.path == here]
    moved = [s for s in sources if s.name == path.name and (s.sha256 == digest or not Path(s.path).exists())]
    return next(iter(same + moved), None)


def _cut_short(records: list[Record], old: dict[int, RecordRow]) -> bool:
    """Whether the last record is the beginning of the one that stood there."""
    import json

    row = old.get(len(records))
    if not records or row is None:
        return False
    before = json.loads(row.body)
    last = records[-1]
    whole = str(before["abstract"])
    return before["title"] == last.title and whole != last.abstract and whole.startswith(last.abstract)


def _apply_record(store: Store, source: int, ordinal: int, record: Record, row: RecordRow | None, tally: _Tally) -> None:
    ledger = store.ledger
    if row and row.body == record_body(record):
        if row.line != record.line:
            ledger.move_record(source, ordinal, record.line)
        tally.seen.add(row.entry)
        return
    keys = identity_keys(record)
    entry = next((found for key in keys if (found := ledger.find_key(key))), None) or _edited_untitled(record, row)
    if entry is None:
        entry = make_id(record)
        digits = 6
        while ledger.get(entry):
            digits += 2
            entry = make_id(record, digits)
        tally.added.add(entry)
    ledger.put_record(source, ordinal, entry, record)
    ledger.add_keys(entry, (*keys, *(f"alias:{alias}" for alias in record.aliases)))
    tally.seen.add(entry)
    _refresh(store, entry, tally)


def _edited_untitled(record: Record, row: RecordRow | None) -> str | None:
    """The entry of an untitled abstract that was edited in place."""
    import json

    if record.title or row is None:
        return None
    before = json.loads(row.body)
    if before["title"]:
        return None
    alike = difflib.SequenceMatcher(None, before["abstract"], record.abstract, autojunk=False).ratio()
    return row.entry if alike >= _SAME_ABSTRACT else None


def _drop_records(store: Store, source: int, rows: dict[int, RecordRow], tally: _Tally) -> None:
    for ordinal in rows:
        store.ledger.drop_record(source, ordinal)
    _refresh_left(store, rows, tally)


def _refresh_left(store: Store, rows: dict[int, RecordRow], tally: _Tally) -> None:
    """Bring entries up to date whose record at some place is another's now or is gone."""
    for entry in {row.entry for row in rows.values()}:
        _refresh(store, entry, tally)


def _refresh(store: Store, id: str, tally: _Tally) -> None:
    """Make an entry what its records say, and its chunks what its text says."""
    ledger = store.ledger
    before, after = ledger.get(id), ledger.merge_entry(id)
    if after is None:
        if before is not None:
            ledger.drop_entry(id)
            tally.removed.add(id)
        return
    tally.removed.discard(id)
    if before is None:
        tally.added.add(id)
    elif _content(before) != _content(after):
        tally.updated.add(id)
    else:
        return
    ledger.put_entry(after)
    if before is None or (before.title, before.abstract) != (after.title, after.abstract):
        embedder = store.embedder
        ledger.put_chunks(id, chunk_entry(after, embedder.count, embedder.limit))


def _content(entry: object) -> tuple[object, ...]:
    from dataclasses import astuple, replace
    from typing import cast

    from store.types import Entry

    return astuple(replace(cast(Entry, entry), provenance=()))
