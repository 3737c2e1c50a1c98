"""Tables: CSV and TSV with a first line that names the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from store.parse.base import Line, Parsed, Unusable, refuse, settle
from store.parse.fields import AS_NAMED, PLAIN_MARK, FieldMap, record_of

_GUARDED = re.compile(r"'+[=+\-@]")
_DELIMITERS = ",\t;|"
_MAX_LINES = 500
_MAX_CELL = 1 << 24


@dataclass(frozen=True, slots=True)
class TableParser:
    """Parser of tables.

    Args:
        name: ``csv`` or ``tsv``; which of comma, tab, semicolon or bar divides the cells is found out either way.
        names: which column is which.
    """

    name: str = "csv"
    names: FieldMap = AS_NAMED

    def sniff(self, head: str, ending: str) -> bool:
        """Whether the file is named so, or its first line names a column of abstracts and another one."""
        if ending in (".csv", ".tsv"):
            return (ending == ".tsv") == (self.name == "tsv")
        first = head.lstrip("\ufeff \r\n").partition("\n")[0]
        cells = _cells(first, self._delimiter(first)) or []
        known = {self.names.known(cell) for cell in cells}
        return self.name == "csv" and len(cells) > 1 and "abstract" in known and bool(known - {"abstract", None})

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read a record a row; a row may hold line ends inside of quotes."""
        csv.field_size_limit(_MAX_CELL)
        rows = _Rows(lines)
        head = rows.next()
        if head and re.fullmatch(r"\s*sep=.\s*", head[1]):
            # Excel's way to say what divides the cells, which is found out anyway.
            head = rows.next()
        if head is None:
            return
        first, columns = head[1], _cells(head[1], delimiter := self._delimiter(head[1])) or []
        if "abstract" not in {self.names.known(column) for column in columns}:
            shown = ", ".join(columns[:8])
            yield refuse(file, head[0], f"no column of abstracts among {shown[:200]}; say which: --map abstract=COLUMN", first)
            return
        while (start := rows.next()) is not None:
            line, raw = start
            cells = _cells(raw, delimiter)
            taken: list[Line] = []
            while cells is None and len(taken) < _MAX_LINES and (further := rows.next(blank=True)):
                taken.append(further)
                raw = f"{raw}\n{further[1]}"
                cells = _cells(raw, delimiter)
            if cells is None or (taken and (not cells or len(cells) > len(columns))):
                # A quote that nothing closes: only its own line is given up.
                rows.back(taken)
                yield refuse(file, line, "a quotation mark opens a cell and nothing closes it", start[1], first)
                continue
            cells = cells or _loose(raw, delimiter)
            if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
                yield refuse(file, line, f"{len(cells)} cells where the first line has {len(columns)}", raw, first)
                continue
            data = {column: cell for column, cell in zip(columns, cells, strict=False) if cell.strip()}
            if PLAIN_MARK in data:
                # Without the mark that keeps spreadsheets from running a cell.
                data = {name: cell[1:] if _GUARDED.match(cell) else cell for name, cell in data.items()}
            try:
                yield settle(file, record_of(line, data, self.names), raw, first)
            except Unusable as error:
                yield refuse(file, line, str(error), raw, first)

    def _delimiter(self, first: str) -> str:
        """What divides the first line into the most names that are known."""

        def score(delimiter: str) -> tuple[int, int]:
            cells = _cells(first, delimiter) or []
            return sum(self.names.known(cell) is not None for cell in cells), len(cells)

        return max(_DELIMITERS, key=score)


class _Rows:
    """Lines that can be put back."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._kept: list[Line] = []

    def next(self, *, blank: bool = False) -> Line | None:
        """The next line; blank ones only where they are asked for."""
        while True:
            line = self._kept.pop() if self._kept else next(self._lines, None)
            if line is None or blank or line[1].strip():
                return line

    def back(self, lines: list[Line]) -> None:
        """Put lines back, in order."""
        self._kept += reversed(lines)


def _cells(text: str, delimiter: str) -> list[str] | None:
    """A row's cells; None where a quoted cell goes on beyond the text, and none where quotes stand where none may."""
    try:
        return next(csv.reader(_kept_ends(text), delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        return None if "unexpected end" in str(error) else []


def _loose(text: str, delimiter: str) -> list[str]:
    """A row's cells, quotation marks taken as they come."""
    try:
        return next(csv.reader(_kept_ends(text), delimiter=delimiter), [])
    except csv.Error:
        return []


def _kept_ends(text: str) -> list[str]:
    return re.split(r"(?<=\n)", text)
