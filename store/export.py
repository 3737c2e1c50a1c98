"""A store's entries in files that other programs read, and that make the same store when they are ingested."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from store.errors import SettingsError
from store.parse.fields import PLAIN_MARK
from store.parse.markup import escape_latex
from store.types import Entry

FORMATS = ("jsonl", "bibtex", "csv")
_COLUMNS = (PLAIN_MARK, "id", "title", "abstract", "authors", "year", "venue", "url", "doi", "arxiv", "aliases", "keywords")
_RUN = re.compile(r"'*[=+\-@]")


def exported(entries: Iterable[Entry], format: str) -> Iterator[str]:
    """Entries as text, piece by piece.

    Args:
        entries: which.
        format: one of :data:`FORMATS`.

    Raises:
        SettingsError: there is no such format.
    """
    if format not in FORMATS:
        raise SettingsError(f"--format {format!r} cannot be written.", f"There are {', '.join(FORMATS)}.")
    if format == "csv":
        yield _row(dict.fromkeys(_COLUMNS, "") | {name: name for name in _COLUMNS})
    for entry in entries:
        if format == "jsonl":
            yield json.dumps({PLAIN_MARK: 1, **asdict(entry)}, ensure_ascii=False) + "\n"
        elif format == "csv":
            yield _row(_cells(entry))
        else:
            yield _bibtex(entry)


def _row(cells: dict[str, str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([cells[name] for name in _COLUMNS])
    return out.getvalue()


def _cells(entry: Entry) -> dict[str, str]:
    texts = {name: str(value) if (value := getattr(entry, name)) is not None else "" for name in _COLUMNS if name != PLAIN_MARK}
    lists = {
        "authors": _listed(entry.authors),
        "keywords": _listed(entry.keywords),
        "aliases": json.dumps(entry.aliases, ensure_ascii=False) if entry.aliases else "",
    }
    # A spreadsheet would run what begins like a formula.
    return {PLAIN_MARK: "1", **{name: f"'{text}" if _RUN.match(text) else text for name, text in (texts | lists).items()}}


def _listed(values: tuple[str, ...]) -> str:
    """Values as people write them in a cell, or as a JSON list where that could be read otherwise."""
    if any(re.search(r"[,;\n\[\"{}\\]|\band\b", value) for value in values):
        return json.dumps(values, ensure_ascii=False)
    return "; ".join(values)


def _bibtex(entry: Entry) -> str:
    def joined(values: tuple[str, ...], separator: str) -> str:
        # Braces keep together what a reader would take apart.
        return separator.join(
            f"{{{escape_latex(value)}}}" if re.search(r"[,;]|\band\b", value) else escape_latex(value) for value in values
        )

    fields = {
        "title": escape_latex(entry.title or ""),
        "author": joined(entry.authors, " and "),
        "year": str(entry.year or ""),
        "journal": escape_latex(entry.venue or ""),
        "doi": escape_latex(entry.doi or ""),
        "eprint": escape_latex(entry.arxiv or ""),
        "archiveprefix": "arXiv" if entry.arxiv else "",
        "url": escape_latex(entry.url or ""),
        "keywords": joined(entry.keywords, "; "),
        "abstract": escape_latex(entry.abstract),
        "aliases": escape_latex(json.dumps(entry.aliases, ensure_ascii=False)) if entry.aliases else "",
        PLAIN_MARK: escape_latex(entry.id),
    }
    key = re.sub(r"[^A-Za-z0-9:.-]", "-", entry.id)
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
    return "\n".join([f"@{'article' if entry.venue else 'misc'}{{{key},", *lines, "}", "", ""])
