"""What a parser of one format is, and what all of them need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from store.types import Record, Reject

Parsed = Record | Reject
Line = tuple[int, str]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

# What cannot be read is carried through the parsers as private characters, so that only the records it stands in are lost.
_BAD_BYTE = 0x10FE00
LONG_LINE = "\U0010ff00"
BROKEN_OFF = "\U0010ff01"
_DAMAGE = re.compile("[\U0010fe00-\U0010ff01]")


class Unusable(ValueError):
    """A part of a file that is not a paper; the text says why."""


class Parser(Protocol):
    """Reads one format. ``name`` is what ``--format`` takes."""

    @property
    def name(self) -> str: ...

    def sniff(self, head: str, ending: str) -> bool:
        """Whether a file is of this format.

        Args:
            head: its first characters, some ten thousand.
            ending: the ending of its name in lower case, ``.gz`` left out.
        """
        ...

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read numbered lines (from 1, without line ends) into records and rejects, in file order.

        A line that is longer than the reader's limit comes in several pieces of the same number.
        """
        ...


def clean(text: str) -> str:
    """Text without control and text-direction characters, tabs as spaces, and nothing at either end.

    Abstracts are other people's text: what could drive a terminal or reorder a line is dropped at the door.
    """
    return _CONTROL.sub("", text.replace("\t", " ").replace("\r\n", "\n").replace("\r", "\n")).strip()


def mark_bytes(error: UnicodeError) -> tuple[str, int]:
    """Error handler of a decoder: bytes that are not UTF-8 become marks."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(_BAD_BYTE + byte) for byte in error.object[error.start : error.end]), error.end


def raw_bytes(text: str) -> bytes:
    """A text as the file had it, marks undone."""
    out = bytearray()
    for char in text:
        if not _DAMAGE.match(char):
            out += char.encode("utf-8", "replace")
        elif ord(char) < _BAD_BYTE + 256:
            out.append(ord(char) - _BAD_BYTE)
    return bytes(out)


def damage(*texts: str | None) -> str | None:
    """Why texts cannot be taken as they are; None where they can."""
    for text in texts:
        found = _DAMAGE.search(text) if text else None
        if not found:
            continue
        if found[0] == LONG_LINE:
            return "the line is longer than 16 MiB"
        if found[0] == BROKEN_OFF:
            return "the compressed file is cut short or damaged here"
        byte = ord(found[0]) - _BAD_BYTE
        if byte == 0:
            return "binary data (a zero byte)"
        return f"not UTF-8 (byte 0x{byte:02X}); convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
    return None


def settle(file: str, record: Record, raw: str, head: str = "") -> Parsed:
    """The record, or a reject where one of its texts cannot be read."""
    why = damage(record.title, record.abstract, *record.authors, record.venue, record.url, *record.aliases, *record.keywords)
    return Reject(file, record.line, why, raw, head) if why else record


def refuse(file: str, line: int, why: str, raw: str, head: str = "") -> Reject:
    """A reject; where the part cannot even be read, that is the reason."""
    return Reject(file, line, damage(raw) or why, raw, head)
