"""What a parser of one format is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from store.types import Record, Reject

Parsed = Record | Reject
Line = tuple[int, str]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Parser(Protocol):
    """Reads one format. ``name`` is what the user sees."""

    name: str

    def sniff(self, head: str) -> bool:
        """Whether a file that begins with ``head`` (its first few thousand characters) is of this format."""
        ...

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read numbered lines (from 1, without line ends) into records and rejects, in file order."""
        ...


def clean(text: str) -> str:
    """Text without control and text-direction characters, tabs as spaces, and nothing at either end.

    Abstracts are other people's text: what could drive a terminal or reorder a line is dropped at the door.
    """
    return _CONTROL.sub("", text.replace("\t", " ").replace("\r\n", "\n").replace("\r", "\n")).strip()
