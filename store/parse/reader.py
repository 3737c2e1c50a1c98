"""Opening files: which ones, what they are, and errors that name file, line and remedy."""

from __future__ import annotations

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
from store.parse.base import Line, Parsed, Parser
from store.parse.feed import FeedParser
from store.parse.jsonl import JsonlParser

SUFFIXES = (".txt", ".jsonl", ".ndjson", ".txt.gz", ".jsonl.gz", ".ndjson.gz")
PARSERS: tuple[Parser, ...] = (JsonlParser(), FeedParser())
_HEAD = 8192
_MAX_LINE = 16 * 1024 * 1024
_FOREIGN = (
    ("%PDF", "a PDF", "Save its text, or export the records as JSON Lines."),
    ("<!doctype html", "an HTML page", "Save the page as plain text."),
    ("<html", "an HTML page", "Save the page as plain text."),
    ("<?xml", "XML", "Export the records as JSON Lines, one object a line."),
    ("[", "a JSON array", "Write one object a line instead (JSON Lines): jq -c '.[]' FILE > FILE.jsonl"),
    ("@", "BibTeX", "Export the library as JSON Lines, one object a line with title and abstract."),
)


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
        return self.parser.parse(self.path.name, self.lines)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Files to read: those named, and those with a known ending in the folders named, in order, each once.

    Raises:
        InputFileError: a path does not exist, or a folder holds no file to read.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name.lower().endswith(SUFFIXES))
            if not inside:
                raise InputFileError(f"{path}: no file to read in this folder.", f"Files ending in {', '.join(SUFFIXES[:3])} are read.")
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        elif path.exists():
            raise InputFileError(f"{path}: neither a file nor a folder.", "Save what it gives to a file first.")
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
def open_source(path: Path) -> Iterator[Source]:
    """Open a file and decide its format by its beginning.

    Raises:
        InputFileError: it cannot be read, is empty, binary, not UTF-8 or of a format that is not read.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            data = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
            head = _head(path, data)
            lines = path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
            parser = next(p for p in PARSERS if lines or p.sniff(head))
            yield Source(path, parser, _lines(path, data))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputFileError(f"{path}: the compressed file is cut short or damaged.", "Fetch or compress it again.") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def parse_file(path: Path) -> list[Parsed]:
    """All records and rejects of a file.

    Raises:
        InputFileError: as in :func:`open_source`.
    """
    with open_source(path) as source:
        return list(source.parse())


def _unreadable(path: Path, error: OSError) -> InputFileError:
    return InputFileError(f"{path}: cannot be read ({error.strerror or error}).", "Check the path and its permissions.")


def _head(path: Path, data: io.BufferedReader[Any]) -> str:
    start: bytes = data.peek(_HEAD)[:_HEAD]
    if not start:
        raise InputFileError(f"{path}: the file is empty.", "Check that it was saved or downloaded in full.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputFileError(f"{path}, line 1: UTF-16 text.", f"Convert it: iconv -f UTF-16 -t UTF-8 {path.name} > utf8-{path.name}")
    head = start.decode("utf-8", "replace").lstrip("\ufeff")
    for mark, what, fix in _FOREIGN:
        if head.lstrip().lower().startswith(mark.lower()):
            raise InputFileError(f"{path}: this is {what}, which is not read.", fix)
    if b"\x00" in start:
        raise InputFileError(f"{path}: a binary file, not text.", "Give text files or JSON Lines.")
    if not head.strip() and len(start) < _HEAD:
        raise InputFileError(f"{path}: the file holds nothing but blank lines.", "Check that it was saved in full.")
    return head


def _lines(path: Path, data: IO[bytes]) -> Iterator[Line]:
    number = 0
    while raw := data.readline(_MAX_LINE + 1):
        number += 1
        if len(raw) > _MAX_LINE:
            raise InputFileError(f"{path}, line {number}: longer than {_MAX_LINE // 1024 // 1024} MiB.", "Put one record on a line.")
        if b"\x00" in raw:
            raise InputFileError(f"{path}, line {number}: binary data.", "Give text files or JSON Lines.")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputFileError(
                f"{path}, line {number}: not UTF-8 (byte 0x{raw[error.start]:02X} at column {error.start + 1}).",
                f"Convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8-{path.name}",
            ) from None
        yield number, text.rstrip("\r\n")
