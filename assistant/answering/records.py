"""Answers from what the store knows of papers besides their abstracts: who wrote one, when and where it appeared."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.ranking.ranker import RankedEntry
from assistant.types import Evidence
from store.types import Entry

_FIELDS = (
    ("citations", re.compile(r"\b(?:cited|citations?|influential|impact factor|h-index)\b", re.IGNORECASE)),
    ("authors", re.compile(r"\b(?:who|whose|authors?|author(?:ed|ship)|wrote|written by|co-?authors?|names? of|team|people behind)\b", re.IGNORECASE)),
    ("venue", re.compile(r"\b(?:where|venue|journal|conference|proceedings|workshop|which (?:journal|conference|venue)|published in)\b", re.IGNORECASE)),
    ("year", re.compile(r"\b(?:when|what year|which year|year|date|how old|how recent|how long ago)\b", re.IGNORECASE)),
)  # fmt: skip
_MOST_AUTHORS = 12


def asked_fields(text: str) -> tuple[str, ...]:
    """Which fields of a record a question asks for, of ``authors``, ``venue``, ``year`` and ``citations``; all but the last where none is named."""
    return tuple(name for name, pattern in _FIELDS if pattern.search(text)) or ("authors", "year", "venue")


def in_words(entry: Entry, fields: Sequence[str]) -> str:
    """What the record says, in one sentence for each field."""
    name = f"“{entry.title or entry.id}”"
    found, unknown = [], []
    if "authors" in fields:
        more = len(entry.authors) - _MOST_AUTHORS
        found += [f"is by {', '.join(entry.authors[:_MOST_AUTHORS])}{f' and {more} more' if more > 0 else ''}"] if entry.authors else []
        unknown += [] if entry.authors else ["who wrote it"]
    if "year" in fields:
        found += [f"is of {entry.year}"] if entry.year is not None else []
        unknown += [] if entry.year is not None else ["when it appeared"]
    if "venue" in fields:
        found += [f"appeared in {entry.venue}"] if entry.venue else []
        unknown += [] if entry.venue else ["where it appeared"]
    unknown += ["how often it is cited"] if "citations" in fields else []
    lacking = f"not known here: {', '.join(unknown)}." if unknown else ""
    if not found:
        return f"{name}: {lacking}"
    return f"{name} {', '.join(found)}.{f' {lacking[0].upper()}{lacking[1:]}' if lacking else ''}"


def title_evidence(one: RankedEntry) -> Evidence | None:
    """A paper's title as evidence, else its first sentence."""
    entry = one.entry
    if entry.title:
        return Evidence(entry.id, entry.title, 0, len(entry.title), "title", one.probability)
    return one.sentences[0] if one.sentences else None
