"""Opening files: which ones, what they are, and errors that name file, line and remedy."""

from __future__ import annotations

import codecs
import glob
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from store.errors import InputFileError
from store.parse.base import BROKEN_OFF, LONG_LINE, Line, Parsed, Parser, mark_bytes, refuse
from store.parse.fields import AS_NAMED, FieldMap
from store.parse.formats import ENDINGS, parser_for, sniffed
from store.types import Reject

SUFFIXES = (*ENDINGS, *(f"{ending}.gz" for ending in ENDINGS))
_HEAD = 64 * 1024
_MAX_LINE = 16 * 1024 * 1024
_PIECE = 1 << 20
_ERRORS = "paper-assistant-marks"
_FOREIGN = (
    ("%PDF", "a PDF", "Save its text, or export the records as JSON Lines."),
    ("<!doctype html", "an HTML page", "Save the page as plain text."),
    ("<html", "an HTML page", "Save the page as plain text."),
    ("<?xml", "XML", "Export the records as JSON Lines, RIS or BibTeX."),
    ("PMID-", "PubMed's own format", "Export it as RIS or BibTeX; Zotero reads it and writes both."),
    ("FN Clarivate", "Web of Science's plain text", "Export it as BibTeX, RIS or a table."),
    ("%0 ", "EndNote's own format", "Export it as BibTeX or RIS."),
    ("PK\x03\x04", "a ZIP archive", "Unpack it and give the files inside."),
)

codecs.register_error(_ERRORS, mark_bytes)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read.

    Args:
        format: one of :data:`store.parse.formats.FORMATS`; empty to find out.
        names: which of their fields is which.
    """

    format: str = ""
    names: FieldMap = AS_NAMED


@dataclass(frozen=True, slots=True)
class Source:
    """A file opened for reading: numbered lines, and the parser its beginning asks for."""

    path: Path
    parser: Parser
    lines: Iterable[Line]

    def parse(self) -> Iterator[Parsed]:
        """Records and rejects in file order.

        Raises:
            InputFileError: the file turns out to be unreadable part of the way.
        """
        name, broken, told = self.path.name, 0, False

        def watched() -> Iterator[Line]:
            nonlocal broken
            for number, text in self.lines:
                broken = number if BROKEN_OFF in text else broken
                yield number, text

        for item in self.parser.parse(name, watched()):
            told = told or (isinstance(item, Reject) and BROKEN_OFF in item.raw)
            yield item
        if broken and not told:
            yield refuse(name, broken, "", BROKEN_OFF)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Files to read: those named or matched, and those with a known ending in the folders named, in order, each once.

    Raises:
        InputFileError: a path does not exist, or a folder holds no file to read.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name.lower().endswith(SUFFIXES))
            if not inside:
                raise InputFileError(
                    f"{path}: no file to read in this folder.", f"Files ending in {', '.join(ENDINGS)} are read, also with .gz."
                )
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        elif path.exists():
            raise InputFileError(f"{path}: neither a file nor a folder.", "Pipe it in: assistant ingest - < PIPE")
        elif matched := sorted(Path(name) for name in glob.glob(str(path), recursive=True)):  # noqa: PTH207 - absolute patterns too
            found.update(dict.fromkeys(find_files(matched)))
        else:
            raise InputFileError(f"{path}: no such file or folder.", "Check the path.")
    return list(found)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        InputFileError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


@contextmanager
def open_source(path: Path, reading: Reading | None = None) -> Iterator[Source]:
    """Open a file and decide its format by its name and beginning, unless that is given.

    Raises:
        InputFileError: it cannot be read, is empty, binary, UTF-16 or of a format that is not read.
        SettingsError: no format has the name given.
    """
    reading = reading or Reading()
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            data: Any = io.BufferedReader(gzip.GzipFile(fileobj=raw), _HEAD) if packed else io.BufferedReader(raw, _HEAD)
            head = _head(path, data)
            ending = Path(path.name.lower().removesuffix(".gz")).suffix
            parser = parser_for(reading.format, reading.names) if reading.format else sniffed(head, ending, reading.names)
            yield Source(path, parser, _pieces(data) if parser.name == "json" else _lines(data))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputFileError(f"{path}: the compressed file is cut short or damaged.", "Fetch or compress it again.") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def parse_file(path: Path, reading: Reading | None = None) -> list[Parsed]:
    """All records and rejects of a file.

    Raises:
        InputFileError: as in :func:`open_source`.
    """
    with open_source(path, reading) as source:
        return list(source.parse())


def _unreadable(path: Path, error: OSError) -> InputFileError:
    return InputFileError(f"{path}: cannot be read ({error.strerror or error}).", "Check the path and its permissions.")


def _head(path: Path, data: io.BufferedReader) -> str:
    start: bytes = data.peek(_HEAD)[:_HEAD]
    if not start:
        raise InputFileError(f"{path}: the file is empty.", "Check that it was saved or downloaded in full.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputFileError(f"{path}, line 1: UTF-16 text.", f"Convert it: iconv -f UTF-16 -t UTF-8 {path.name} > utf8-{path.name}")
    head = start.decode("utf-8", "replace").lstrip("\ufeff")
    for mark, what, fix in _FOREIGN:
        if head.lstrip().lower().startswith(mark.lower()):
            raise InputFileError(f"{path}: this is {what}, which is not read.", fix)
    if b"\r" in start and b"\n" not in start:
        raise InputFileError(f"{path}: its lines end as on old Macs.", f"Convert it: tr '\\r' '\\n' < {path.name} > new-{path.name}")
    if _is_foreign_text(start[:8192]):
        raise InputFileError(
            f"{path}, line 1: not UTF-8.", f"Convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8-{path.name}"
        )
    if _is_binary(start[:8192]):
        raise InputFileError(f"{path}: a binary file, not text.", "Give text files: feed pages, JSON, CSV, BibTeX or RIS.")
    if not head.strip() and len(start) < _HEAD:
        raise InputFileError(f"{path}: the file holds nothing but blank lines.", "Check that it was saved in full.")
    return head


def _is_foreign_text(start: bytes) -> bool:
    """Whether a beginning is text in another encoding: no byte of it but those of letters is strange, and too many of these are."""
    strange = start.decode("utf-8", "replace").count("\ufffd")
    return strange * 10 > len(start) and not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in start)


def _is_binary(start: bytes) -> bool:
    """Whether too much of a file's beginning is no text for it to be a text with a few bytes gone wrong."""
    strange = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in start) + start.decode("utf-8", "replace").count("\ufffd")
    return strange * 10 > len(start)


def _lines(data: IO[bytes]) -> Iterator[Line]:
    """Numbered lines; one that is too long comes cut, with a mark."""
    number = 0
    for number, raw in enumerate(_raw_lines(data), start=1):
        if len(raw) > _MAX_LINE:
            yield number, _text(raw[:_MAX_LINE], number) + LONG_LINE
            while not raw.endswith(b"\n") and (raw := _read(data, _PIECE)):
                pass
            continue
        yield number, _text(raw, number)


def _pieces(data: IO[bytes]) -> Iterator[Line]:
    """Numbered lines; long ones in several pieces of one number."""
    number, kept, begun = 1, b"", False
    while raw := _read(data, _PIECE):
        raw = kept + raw
        kept = b""
        if raw.endswith(b"\n"):
            yield number, _text(raw, 1 if number == 1 and not begun else 2)
            number, begun = number + 1, False
            continue
        # A piece ends where a character does.
        end = len(raw)
        while end > len(raw) - 4 and end > 0 and raw[end - 1] & 0xC0 == 0x80:
            end -= 1
        if end > 0 and raw[end - 1] >= 0xC0:
            end -= 1
        kept = raw[end:] if len(raw) >= _PIECE else b""
        yield number, _text(raw[: len(raw) - len(kept)], 1 if number == 1 and not begun else 2)
        begun = True
    if kept:
        yield number, _text(kept, 2)


def _raw_lines(data: IO[bytes]) -> Iterator[bytes]:
    while raw := _read(data, _MAX_LINE + 1):
        yield raw


def _read(data: IO[bytes], limit: int) -> bytes:
    """The next line, or so much of it; where a compressed file breaks off, a mark stands in for the rest, once."""
    try:
        return data.readline(limit)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        held = getattr(data, "_broken_off", False)
        if held:
            return b""
        data._broken_off = True  # type: ignore[attr-defined]
        return BROKEN_OFF.encode()


def _text(raw: bytes, number: int) -> str:
    text = raw.decode("utf-8-sig" if number == 1 else "utf-8", _ERRORS)
    if "\x00" in text:
        text = text.replace("\x00", "\U0010fe00")
    return text.rstrip("\r\n")
