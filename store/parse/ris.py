"""RIS, as EndNote, Zotero and publishers write it: records are cut apart here and read by rispy, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import rispy
from rispy.config import TAG_KEY_MAPPING

from store.parse.base import Line, Parsed, Unusable, refuse, settle
from store.parse.fields import AS_NAMED, FieldMap, record_of

_LOOSE = re.compile(r"\s{0,3}([A-Z][A-Z0-9])\s{1,3}-(?:\s|$)")
# A line of an abstract may begin like one of these ("ER - positive"); the standard has two spaces.
_STRICT = re.compile(r"([A-Z][A-Z0-9])  -(?:\s|$)")


@dataclass(frozen=True, slots=True)
class RisParser:
    """Parser of RIS.

    Args:
        names: which field is which, by the names rispy gives the tags.
    """

    names: FieldMap = AS_NAMED
    name: str = "ris"

    def sniff(self, head: str, ending: str) -> bool:
        """Whether the file is named so or a record opens in its head."""
        return ending == ".ris" or re.search(r"^\ufeff?TY  ?- ?[A-Z]{2,}\s*$", head, re.MULTILINE) is not None

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read a record from each ``TY`` to ``ER``, or to the next ``TY`` where that is missing."""
        for line, block in _blocks(lines):
            raw = "\n".join(block)
            try:
                yield settle(file, record_of(line, _fields(block), self.names), raw)
            except Unusable as error:
                yield refuse(file, line, str(error), raw)


def _blocks(lines: Iterable[Line]) -> Iterator[tuple[int, list[str]]]:
    start, block, pattern = 0, list[str](), _STRICT
    for number, text in lines:
        text = text.lstrip("\ufeff")
        found = pattern.match(text) or (_LOOSE.match(text) if re.match(r"\s{0,3}TY\s{1,3}-", text) else None)
        tag = found[1] if found else ""
        if tag == "TY":
            # A file that writes its tags loosely does so from the start.
            pattern = _STRICT if _STRICT.match(text) else _LOOSE
        if tag == "TY" and block:
            yield start, block
            block = []
        if tag == "TY":
            start = number
        if block or tag == "TY":
            block.append(text)
        if tag == "ER" and block:
            yield start, block
            block = []
    if block:
        yield start, block


def _fields(block: list[str]) -> dict[str, Any]:
    lines = _regular(block)
    if not lines[-1].startswith("ER  -"):
        lines.append("ER  - ")
    try:
        found: list[dict[str, Any]] = rispy.loads("\n".join(lines))
    except Exception as error:  # a parser of other people's files must not end ours
        raise Unusable(f"not RIS that can be read ({type(error).__name__})") from None
    if not found:
        raise Unusable("not a RIS record")
    data = found[0]
    dois = [data.get("doi"), *(data.get("urls") or [])]
    return {
        **{name: value for name, value in data.items() if name not in ("id", "type_of_reference")},
        "title": data.get("title") or data.get("primary_title") or data.get("translated_title"),
        "abstract": data.get("abstract") or data.get("notes_abstract"),
        "authors": [_turned(name) for name in data.get("authors") or data.get("first_authors") or []],
        "year": data.get("year") or data.get("publication_year") or data.get("date"),
        "venue": next(
            (data[n] for n in ("alternate_title3", "journal_name", "secondary_title", "alternate_title2", "tertiary_title") if data.get(n)),
            None,
        ),
        "url": data.get("urls"),
        "doi": next((one for one in dois if one and "10." in one), None),
        "keywords": data.get("keywords"),
        "id": [one for one in (data.get("id"), data.get("accession_number")) if one],
    }


def _regular(block: list[str]) -> list[str]:
    """Lines with their tags as the standard has them; a second abstract goes on from the first."""
    pattern = _STRICT if _STRICT.match(block[0]) else _LOOSE
    lines, seen = [], set[str]()
    for text in block:
        found = pattern.match(text)
        tag = found[1] if found else ""
        if not found or tag not in TAG_KEY_MAPPING or (tag in ("AB", "N2") and tag in seen):
            lines.append(f"      {text[found.end() if found and tag in seen else 0 :].strip()}")
            continue
        seen.add(tag)
        lines.append(f"{tag}  - {text[found.end() :].strip()}")
    return lines


def _turned(name: str) -> str:
    last, comma, rest = name.partition(",")
    first, _, suffix = rest.partition(",")
    return " ".join(part.strip() for part in (first, last, suffix) if part.strip()) if comma else name
