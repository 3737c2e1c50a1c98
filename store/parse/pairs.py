"""Title and abstract by turns: plain lines two and two, or lines that say ``Title:`` and ``Abstract:``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from store.parse.base import Line, Parsed, Unusable, clean, refuse, settle
from store.parse.fields import AS_NAMED, record_of
from store.types import Record

_LABEL = re.compile(r"\s*(title|abstract|authors?|year|date|venue|journal|doi|url|arxiv|keywords)\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PairsParser:
    """Parser of plain pairs. Feed pages, which may wrap lines and leave titles out, have a parser of their own."""

    name: str = "pairs"

    def sniff(self, head: str, ending: str) -> bool:
        """Whether the file labels its titles and abstracts."""
        labels = [found[1].lower() for line in head.splitlines() if (found := _LABEL.match(line))]
        return ending in ("", ".txt") and "title" in labels and "abstract" in labels

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Pair what is labelled; without labels, every two lines that are not blank."""
        waiting: Line | None = None
        fields: dict[str, Any] = {}
        start, last, raw = 0, "", list[str]()
        for number, text in lines:
            found = _LABEL.match(text)
            label = found[1].lower() if found else ""
            if found and (label in ("title", "abstract") or fields):
                if waiting:
                    yield _lonely(file, waiting)
                    waiting = None
                if label in fields or (label == "title" and fields):
                    untitled = _without_label(fields, raw) if label == "abstract" else ""
                    yield _labelled(file, start, fields, raw)
                    fields, raw = ({"title": untitled}, [untitled]) if untitled else ({}, [])
                    start = number
                if not fields:
                    start = number
                fields[label] = found[2]
                last = label
                raw.append(text)
            elif fields:
                raw.append(text)
                fields[last] = f"{fields[last]}\n{text}"
            elif not text.strip():
                continue
            elif waiting is None:
                waiting = (number, text)
            else:
                record = Record(waiting[0], " ".join(clean(waiting[1]).split()) or None, clean(text))
                yield settle(file, record, f"{waiting[1]}\n{text}")
                waiting = None
        if fields:
            yield _labelled(file, start, fields, raw)
        if waiting:
            yield _lonely(file, waiting)


def _without_label(fields: dict[str, Any], raw: list[str]) -> str:
    """Take a last paragraph that is the next one's title without its label off an abstract."""
    before, blank, last = re.sub(r"\n\s*\n", "\n\n", fields["abstract"]).strip().rpartition("\n\n")
    if not blank or "\n" in last:
        return ""
    fields["abstract"] = before
    raw[:] = "\n".join(raw).rpartition(last)[0].split("\n")
    return last


def _lonely(file: str, line: Line) -> Parsed:
    return refuse(file, line[0], f'no abstract follows "{clean(line[1])[:57]}"', line[1])


def _labelled(file: str, line: int, fields: dict[str, Any], raw: list[str]) -> Parsed:
    text = "\n".join(raw)
    joined = {name: " ".join(value.split()) for name, value in fields.items()}
    try:
        return settle(file, record_of(line, joined, AS_NAMED, readable=str), text)
    except Unusable as error:
        return refuse(file, line, str(error), text)
