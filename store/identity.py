"""Which records are one paper: what an ingest decides as it reads them."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace

from store.ids import identity_keys, make_id, normalise
from store.ledger import Ledger
from store.record_rows import RecordRow
from store.tally import Tally
from store.types import Record

_SAME_ABSTRACT = 0.7
_SAME_PAPER = 0.3
# Hex digits of SHA-256.
_HASH = 64


class Identity:
    """Finds the entries of records, and joins entries that turn out to be one paper.

    Args:
        ledger: where they are.
        tally: told of entries that are no more.
    """

    def __init__(self, ledger: Ledger, tally: Tally) -> None:
        self._ledger, self._tally = ledger, tally

    def entry_of(self, record: Record, source: int, row: RecordRow | None, *, corrected: bool) -> str | None:
        """The entry a record belongs to; entries that it shows to be one paper become one.

        Args:
            record: as it was just read.
            source: the file it was read from.
            row: what stood in its place there before.
            corrected: whether that was the same paper.

        Returns:
            The entry's id; None for a paper that is new.
        """
        ledger = self._ledger
        if record.id and ledger.get(record.id):
            return record.id
        keys = identity_keys(record)
        found: list[str] = []
        for key in keys:
            entry = ledger.find_key(key)
            if entry and entry not in found and not (key.startswith("title:") and self._differs(record, entry)):
                found.append(entry)
        if row and corrected:
            others = ledger.keys_beside(row.entry, source, row.ordinal)
            if row.entry in found and others and others.isdisjoint(keys):
                # What bound it to that entry was its own mistake.
                found.remove(row.entry)
            elif not found and not others:
                found = [row.entry]
        if record.id:
            # What we wrote says which records are one paper; it joins only what other files brought.
            found = [entry for entry in found if not ledger.only_from(entry, source)]
        if not found:
            return _edited_untitled(record, row)
        main = ledger.oldest(found)
        for other in found:
            if other != main:
                ledger.join_entries(main, other)
                self._tally.mark(other, "removed")
        return main

    def _differs(self, record: Record, id: str) -> bool:
        """Whether a paper of the same title is another one: each has a DOI or arXiv id of its own, and their abstracts are not alike."""
        held = self._ledger.get(id)
        if held is None or not (
            (record.doi and held.doi and record.doi != held.doi) or (record.arxiv and held.arxiv and record.arxiv != held.arxiv)
        ):
            return False
        ours, theirs = set(normalise(record.abstract).split()), set(normalise(held.abstract).split())
        return len(ours & theirs) < _SAME_PAPER * len(ours | theirs)

    def new_id(self, record: Record) -> str:
        """An id that no entry has."""
        if record.id and not self._ledger.get(record.id) and not self._ledger.find_key(f"alias:{record.id}"):
            return record.id
        entry, digits = make_id(record), 6
        if self._ledger.get(entry) and (record.doi or record.arxiv):
            # Another paper was once known by this name and keeps it.
            record = replace(record, doi=None, arxiv=None)
            entry = make_id(record)
        while self._ledger.get(entry):
            digits += 2
            entry = make_id(record, digits) if digits <= _HASH else f"{make_id(record)}-{digits}"
        return entry


def _edited_untitled(record: Record, row: RecordRow | None) -> str | None:
    """The entry of an untitled abstract that was edited in place."""
    if record.title or row is None:
        return None
    before = json.loads(row.body)
    if before.get("title"):
        return None
    alike = difflib.SequenceMatcher(None, before["abstract"], record.abstract, autojunk=False).ratio()
    return row.entry if alike >= _SAME_ABSTRACT else None
