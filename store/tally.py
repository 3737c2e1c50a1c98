"""What an ingest did to each entry, kept in a temporary table so that memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from store.ledger import Ledger

_FLAGS = ("seen", "added", "updated", "removed")


@dataclass(frozen=True, slots=True)
class Counts:
    """Distinct entries by what happened to them."""

    added: int
    updated: int
    unchanged: int
    removed: int


class Tally:
    """Entries touched so far.

    Args:
        ledger: its connection holds the table, which no other sees.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        columns = ", ".join(f"{flag} INTEGER NOT NULL DEFAULT 0" for flag in _FLAGS)
        ledger.execute("DROP TABLE IF EXISTS temp.touched")
        ledger.execute(f"CREATE TEMP TABLE touched(entry TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")

    def mark(self, entry: str, flag: str, value: bool = True) -> None:
        """Note what happened to an entry."""
        self._ledger.execute(
            f"INSERT INTO temp.touched(entry, {flag}) VALUES(?,?) ON CONFLICT(entry) DO UPDATE SET {flag}=excluded.{flag}",
            (entry, int(value)),
        )

    def mark_all(self, entries: Iterable[str], flag: str) -> None:
        """Note the same of several."""
        for entry in entries:
            self.mark(entry, flag)

    def counts(self) -> Counts:
        """The totals; an entry that came and went counts as neither."""

        def count(test: str) -> int:
            return int(self._ledger.execute(f"SELECT count(*) FROM temp.touched WHERE {test}").fetchone()[0])

        return Counts(
            added=count("added AND NOT removed"),
            updated=count("updated AND NOT added AND NOT removed"),
            unchanged=count("seen AND NOT added AND NOT updated AND NOT removed"),
            removed=count("removed AND NOT added"),
        )
