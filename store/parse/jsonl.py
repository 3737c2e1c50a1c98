"""JSON Lines: one object a line, with the field names that public dumps use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from store.ids import clean_arxiv, clean_doi
from store.parse.base import Line, Parsed, clean
from store.types import Record, Reject

_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_ABSTRACT = ("abstract", "text", "summary", "paperAbstract")
_VENUE = ("venue", "journal", "booktitle", "conference", "journal_ref", "journal-ref")
_YEARS = ("year", "published", "publication_date", "date", "update_date")
_URL = ("url", "link", "pdf_url", "pdf")
_ARXIV = ("arxiv_id", "arxiv", "arxivId", "eprint")
_LOCAL = ("_id", "id", "key", "paper_id", "paperId", "corpusid", "doc_id", "ID")


class _Unusable(ValueError):
    """A line that is not a paper; the text says why."""


class JsonlParser:
    """Parser of JSON Lines."""

    name = "JSON Lines"

    def sniff(self, head: str) -> bool:
        """Whether the first line that is not blank begins an object with a key."""
        return re.match(r'\s*\{\s*(?:"|\}|$)', head) is not None

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read a record a line; a line that is not an object with an abstract is a reject."""
        for number, raw in lines:
            if not raw.strip():
                continue
            try:
                yield _record(number, raw)
            except _Unusable as error:
                yield Reject(file, number, str(error))


def _record(number: int, raw: str) -> Record:
    try:
        data = json.loads(raw)
    except (json.JSONDecodeError, RecursionError) as error:
        at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _Unusable(f"not valid JSON{at}; is the line cut short?") from None
    if not isinstance(data, dict):
        raise _Unusable(f"a JSON object was expected, this is a {type(data).__name__}")
    abstract = _text(data, _ABSTRACT)
    if not abstract:
        raise _Unusable(f"no abstract: none of the fields {', '.join(_ABSTRACT)} holds text")
    title = _text(data, ("title",))
    found = data.get("externalIds")
    external: dict[str, Any] = found if isinstance(found, dict) else {}
    doi = clean_doi(_text(data, ("doi", "DOI")) or _text(external, ("DOI",)) or "")
    arxiv = clean_arxiv(_text(data, _ARXIV) or _text(external, ("ArXiv",)) or "")
    url = _text(data, _URL)
    aliases = [alias for name in _LOCAL if (alias := _text(data, (name,)))]
    return Record(
        line=number,
        title=" ".join(title.split()) if title else None,
        abstract=abstract,
        authors=_authors(data.get("authors", data.get("author"))),
        year=_year(data),
        venue=_text(data, _VENUE),
        url=url if url and re.match(r"https?://\S+$", url) else None,
        doi=doi,
        arxiv=arxiv,
        aliases=tuple(dict.fromkeys(aliases)),
    )


def _text(data: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = data.get(name)
        if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            value = " ".join(part.strip() for part in value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (text := clean(_valid(value))):
            return text
    return None


def _valid(text: str) -> str:
    """Text without lone surrogates, which JSON can spell and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _authors(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = re.split(r"\s+and\s+|;" if ";" in value or " and " in value else r",", value)
    if not isinstance(value, list):
        return ()
    names = [part.get("name") if isinstance(part, dict) else part for part in value]
    return tuple(text for name in names if isinstance(name, str) and (text := clean(_valid(name))))


def _year(data: dict[str, Any]) -> int | None:
    for name in _YEARS:
        value = data.get(name)
        if isinstance(value, (int, str)) and not isinstance(value, bool) and (found := _YEAR.search(str(value))):
            return int(found.group(1))
    return None
