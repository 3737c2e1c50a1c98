"""From files to the ledger: parse, find what changed, write it down, and have it indexed.

The ledger comes first. Whatever it holds and the indexes do not is finished by the next run, so that a kill at any point
loses nothing and repeats nothing but the batch it interrupted.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from store.errors import InputFileError, NotFoundError, UserError
from store.estimate import Approve, Estimate, waiting_cost
from store.identity import Identity
from store.ids import identity_keys
from store.indexing import Progress, index_lexical, index_pending
from store.parse import Parsed, Reading, open_source
from store.parse.reader import file_hash
from store.record_rows import RecordRow, SourceRow, keys_of, record_body
from store.rejects import RejectsFile
from store.store import Store
from store.tally import Tally
from store.types import Entry, Record, Reject

# Part of a file's fingerprint: a file is read again where the parsers have changed.
_PARSING = 1
_COMMIT = 1000
_LEXICAL = 20_000


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of an ingest: its base name, how many records it has, and how many papers it held before and does not now."""

    file: str
    records: int
    vanished: int = 0
    rejects: str | None = None


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
    estimate: Estimate | None = None


class _DryRun(Exception):
    """Rolls a transaction back on purpose."""


def ingest(
    store: Store,
    paths: Iterable[Path],
    *,
    reading: Reading | None = None,
    dry_run: bool = False,
    prune: bool = False,
    rejects: Path | None = None,
    progress: Progress | None = None,
    approve: Approve | None = None,
) -> IngestReport:
    """Read files into a store.

    Args:
        store: where to.
        paths: files, each read as a whole.
        reading: their format and fields, where these are not to be found out.
        dry_run: change nothing, only say what would change.
        prune: take out what a file held when it was read before and does not now; else it stays.
        rejects: a folder for files of what was rejected, to be corrected and read again.
        progress: called with a stage's name, the work done and the work in all (0 where that is not known).
        approve: told the cost before texts are sent to an embedder elsewhere; where it says no, they wait for another time.

    Returns:
        What changed, with what was rejected. A file that cannot be read is among ``errors``; the others are read all the same.
    """
    began = time.perf_counter()
    files: list[FileReport] = []
    rejected: list[Reject] = []
    errors: list[UserError] = []
    totals: dict[str, int] = {}
    with store.writing():
        tally = Tally(store.ledger)
        try:
            with store.ledger.transaction() if dry_run else nullcontext():
                for path in paths:
                    kept = RejectsFile(None if dry_run else rejects, path.name)
                    reader = _File(store, path, reading or Reading(), tally, kept, prune=prune, dry_run=dry_run, progress=progress)
                    try:
                        report = reader.apply()
                    except InputFileError as error:
                        kept.discard()
                        errors.append(error)
                        continue
                    rejected += reader.rejected
                    files.append(replace(report, rejects=_shown(kept.close())))
                totals = store.ledger.counts()
                counts = tally.counts()
                cost = waiting_cost(store)
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        else:
            index_pending(store, progress, send=cost is None or approve is None or approve(cost))
    return IngestReport(
        files=tuple(files),
        provenances=totals["provenances"],
        entries=totals["entries"],
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        removed=counts.removed,
        rejected=tuple(rejected),
        errors=tuple(errors),
        seconds=time.perf_counter() - began,
        estimate=cost,
    )


def _shown(path: Path | None) -> str | None:
    return str(path) if path else None


def forget(store: Store, name: str) -> tuple[str, int, int]:
    """Take a file's records, or one entry, out of a store.

    Args:
        name: base name or path of a file that was read, else an entry as :meth:`Store.resolve` takes it.

    Returns:
        What was forgotten, how many records and how many entries left the store.

    Raises:
        NotFoundError: neither a file nor an entry has that name, or several files have it.
    """
    ledger = store.ledger
    with store.writing():
        tally = Tally(ledger)
        sources = [s for s in ledger.sources() if s.path in (name, str(Path(name).absolute()))]
        sources = sources or [s for s in ledger.sources() if s.name == name]
        if len(sources) > 1:
            paths = ", ".join(s.path for s in sources)
            raise NotFoundError(f"{len(sources)} files are named {name}: {paths}.", "Name one of them by its path.")
        with ledger.transaction():
            if sources:
                held = ledger.entries_of_source(sources[0].id)
                records = ledger.drop_records(source=sources[0].id)
                ledger.drop_source(sources[0].id)
                what = f"the file {sources[0].name}"
            else:
                held = [store.resolve(name).id]
                ledger.reread(held[0])
                records = ledger.drop_records(entry=held[0])
                what = f"the entry {held[0]}"
            for entry in held:
                ledger.rekey(entry)
                _refresh(store, entry, tally)
        index_pending(store)
    return what, records, tally.counts().removed


class _File:
    """One file being read into a store."""

    def __init__(
        self,
        store: Store,
        path: Path,
        reading: Reading,
        tally: Tally,
        kept: RejectsFile,
        *,
        prune: bool,
        dry_run: bool,
        progress: Progress | None,
    ) -> None:
        self._store, self._ledger, self._path, self._reading, self._tally = store, store.ledger, path, reading, tally
        self._prune, self._dry_run, self._progress, self._kept = prune, dry_run, progress, kept
        self._identity = Identity(store.ledger, tally)
        self.rejected: list[Reject] = []
        self._source: int | None = None

    def apply(self) -> FileReport:
        """Bring the ledger up to the file, in commits of many records.

        Raises:
            InputFileError: the file cannot be read or holds no paper.
        """
        digest = fingerprint(self._path, self._reading)
        known = _known_source(self._store, self._path, digest)
        if known and known.sha256 == digest and not (self._prune and self._ledger.gone(known.id)):
            self._tally.mark_all(self._ledger.entries_of_source(known.id), "seen")
            return FileReport(self._path.name, self._ledger.count_records(known.id))
        self._source = known.id if known else None
        before = self._ledger.count_records(known.id) if known else 0
        count = 0
        with open_source(self._path, self._reading) as opened:
            records = self._records(opened.parse(), before)
            while batch := list(itertools.islice(records, _COMMIT)):
                with nullcontext() if self._dry_run else self._ledger.transaction():
                    if self._source is None or not count:
                        self._source = self._ledger.put_source(str(self._path.resolve()), self._path.name, "", self._source)
                    for ordinal, record in enumerate(batch, start=count + 1):
                        self._put(ordinal, record)
                count += len(batch)
                if self._progress:
                    self._progress(f"reading {self._path.name}", count, 0)
                if count % _LEXICAL == 0 and not self._dry_run:
                    index_lexical(self._store)
        if self._source is None or not count:
            why = f" ({self.rejected[0].reason}, line {self.rejected[0].line})" if self.rejected else ""
            raise InputFileError(
                f"{self._path}: no paper found in this file{why}.",
                "It is read as a feed page, JSON, CSV, BibTeX or RIS by its name and beginning; or say which: --format NAME",
            )
        with nullcontext() if self._dry_run else self._ledger.transaction():
            return self._finish(self._source, count, digest)

    def _records(self, parsed: Iterator[Parsed], before: int) -> Iterator[Record]:
        """Records; rejects go aside, and so does a last record that is the beginning of the stored one."""
        last: Record | None = None
        count = 0
        for item in parsed:
            if isinstance(item, Reject):
                self._reject(item)
                continue
            if last:
                yield last
            last, count = item, count + 1
        if last and self._source is not None and count <= before and _cut_short(last, self._ledger.record_at(self._source, count)):
            self._reject(
                Reject(
                    self._path.name,
                    last.line,
                    "the abstract breaks off where the stored one goes on; the stored one is kept",
                    last.abstract,
                )
            )
        elif last:
            yield last

    def _reject(self, reject: Reject) -> None:
        self.rejected.append(replace(reject, raw="", head=""))
        self._kept.write(reject)

    def _put(self, ordinal: int, record: Record) -> None:
        ledger, source = self._ledger, self._source
        assert source is not None
        row = ledger.record_at(source, ordinal)
        if row and row.body == record_body(record):
            if row.line != record.line:
                ledger.move_record(source, ordinal, record.line)
            self._tally.mark(row.entry, "seen")
            return
        corrected = row is not None and not set(keys_of(row.body)).isdisjoint(identity_keys(record))
        entry = self._identity.entry_of(record, source, row, corrected=corrected)
        if entry is None:
            entry = self._identity.new_id(record)
            self._tally.mark(entry, "added")
        # A corrected record takes the place of what it was; another paper's stays until it is pruned.
        if row and row.entry != entry and not corrected:
            ledger.displace(source, ordinal)
        ledger.put_record(source, ordinal, entry, record)
        if row:
            ledger.rekey(row.entry)
            if row.entry != entry:
                _refresh(self._store, row.entry, self._tally)
        ledger.add_keys(entry, (*identity_keys(record), *(f"alias:{alias}" for alias in record.aliases)))
        self._tally.mark(entry, "seen")
        _refresh(self._store, entry, self._tally)

    def _finish(self, source: int, count: int, digest: str) -> FileReport:
        """Settle what the file no longer holds, once it has been read to its end."""
        ledger = self._ledger
        ledger.displace_after(source, count)
        for entry in ledger.settle_moved(source):
            ledger.rekey(entry)
            _refresh(self._store, entry, self._tally)
        gone = ledger.gone(source)
        # What was rejected may be what is missing.
        if gone and self._prune and not self.rejected:
            ledger.drop_gone(source)
            for entry in gone:
                ledger.rekey(entry)
                _refresh(self._store, entry, self._tally)
            gone = []
        ledger.put_source(str(self._path.resolve()), self._path.name, "" if self.rejected else digest, source)
        return FileReport(self._path.name, count, len(gone))


def fingerprint(path: Path, reading: Reading | None = None) -> str:
    """What tells that a file need not be read again: its bytes, and how they are read."""
    reading = reading or Reading()
    how = json.dumps([_PARSING, reading.format, reading.names.chosen])
    return hashlib.sha256(f"{file_hash(path)} {how}".encode()).hexdigest()


def _known_source(store: Store, path: Path, digest: str) -> SourceRow | None:
    """The file as read before: at this path, or under this name with the same bytes."""
    sources = store.ledger.sources()
    here = str(path.resolve())
    same = [s for s in sources if s.path == here]
    moved = [s for s in sources if s.name == path.name and s.sha256 == digest]
    return next(iter(same + moved), None)


def _cut_short(last: Record, row: RecordRow | None) -> bool:
    """Whether a record is the beginning of the one that stood there."""
    if row is None:
        return False
    before = json.loads(row.body)
    whole = str(before["abstract"])
    return before.get("title") == last.title and whole != last.abstract and whole.startswith(last.abstract)


def _refresh(store: Store, id: str, tally: Tally) -> None:
    """Make an entry what its records say; a new text waits to be cut and indexed."""
    ledger = store.ledger
    before, after = ledger.get(id), ledger.merge_entry(id)
    if after is None:
        if before is not None:
            ledger.drop_entry(id)
            tally.mark(id, "removed")
        return
    tally.mark(id, "removed", False)
    if before is None:
        tally.mark(id, "added")
    elif _content(before) != _content(after):
        tally.mark(id, "updated")
    else:
        return
    ledger.put_entry(after, anew=before is None or (before.title, before.abstract) != (after.title, after.abstract))


def _content(entry: Entry) -> Entry:
    return replace(entry, provenance=())
