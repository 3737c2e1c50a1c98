"""JSON documents: an array of records, an object that holds one, or objects one after another.

Read item by item, so that memory does not grow with the file; a damaged item is passed over to the next whole one.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from store.parse.base import Line, Parsed, Unusable, refuse, settle
from store.parse.fields import AS_NAMED, FieldMap, record_of
from store.parse.jsonl import WRAPPERS

_AHEAD = 1 << 20
_FURTHER = 16 << 20
_TRIES = 5000
_SHOWN = 100_000
_DEEP = 3
_HEAD = 8000
_SKIP = re.compile(r"[\s,\]\[}]*")
_WRAPPED = re.compile(rf'"(?:{"|".join(WRAPPERS)})"\s*:\s*\[')
_OBJECT = re.compile(r'\{\s*"')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class JsonParser:
    """Parser of JSON documents.

    Args:
        names: which field is which.
        name: ``json``, or the format that every record is known to have.
        shape: ``arxiv`` or ``openalex`` where every record is known to be one.
    """

    names: FieldMap = AS_NAMED
    name: str = "json"
    shape: str = ""

    def sniff(self, head: str, ending: str) -> bool:
        """Whether a file begins as an array of objects or as an object."""
        return ending == ".json" or re.match(r"\s*(?:\[\s*(?:[\[{\]]|$)|\{\s*(?:\"|\}|$))", head) is not None

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read every object that has an abstract; other objects where a record may stand are rejects."""
        text = _Text(lines)
        while (at := text.next_value()) is not None:
            if text.char != "{":
                if garbage := text.skip_value():
                    yield refuse(file, at, "not valid JSON", garbage)
                continue
            inside, text.named = text.named, False
            if text.opens_wrapper(self._is_record):
                continue
            value, error = text.decode()
            if error or not isinstance(value, dict):
                raw, line = text.resync(self._is_record), at
                yield refuse(file, line, error or "a JSON object was expected", raw)
                continue
            raw = text.take()
            yield from self._records(file, at, value, raw, inside=inside)

    def _records(self, file: str, line: int, value: dict[str, Any], raw: str, *, inside: bool) -> Iterator[Parsed]:
        if not self.names.values(value, "abstract") and value and all(isinstance(one, dict) for one in value.values()):
            # Records by their ids.
            for key, one in value.items():
                yield from self._records(file, line, {"key": key, **one}, json.dumps(one, ensure_ascii=False), inside=inside)
            return
        try:
            yield settle(file, record_of(line, value, self.names, shape=self.shape), raw)
        except Unusable as error:
            if not inside:
                yield refuse(file, line, str(error), raw)

    def _is_record(self, value: Any) -> bool:
        return isinstance(value, dict) and bool(self.names.values(value, "abstract") or "abstract_inverted_index" in value)


class _Text:
    """A document's text, held only as far as it is looked at."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._last: int | None = None
        self._text = ""
        self._at = 0
        self._end = 0
        self._line = 1
        self.named = False

    @property
    def char(self) -> str:
        """The character that is read next."""
        return self._text[self._at]

    def next_value(self) -> int | None:
        """Go to the next value; its line, or None at the end."""
        while True:
            self._need(_AHEAD)
            end = _SKIP.match(self._text, self._at).end()  # type: ignore[union-attr]
            if end < len(self._text):
                self._advance(end)
                return self._line
            self._advance(end)
            if not self._more():
                return None

    def opens_wrapper(self, is_record: Callable[[Any], bool]) -> bool:
        """Whether the object here is no record itself but holds an array of them; goes into it if so."""
        if not _WRAPPED.search(self._text, self._at, self._at + _HEAD):
            return False
        with contextlib.suppress(ValueError, RecursionError):
            if is_record(_DECODER.raw_decode(self._text, self._at)[0]):
                return False
        depth = 0
        for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', self._text[self._at : self._at + _HEAD]):
            if found[0] in "[{":
                depth += 1
            elif found[0] in "]}":
                depth -= 1
                if not depth:
                    return False
            elif depth <= _DEEP and (inside := _WRAPPED.match(self._text, self._at + found.start())):
                # An array of texts is a field of a record, one of objects holds records.
                after = re.compile(r"\s*").match(self._text, inside.end()).end()  # type: ignore[union-attr]
                if self._text[after : after + 1] in ("{", "]", ""):
                    self._advance(inside.end())
                    return True
        return False

    def decode(self) -> tuple[Any, str | None]:
        """The value here, or why there is none."""
        for ahead in (_AHEAD, _FURTHER):
            self._need(ahead)
            try:
                value, self._end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                continue
            return value, None
        return None, f"not valid JSON ({reason}); is the file cut short?"

    def take(self) -> str:
        """The text of the value decoded last, which is left behind."""
        raw = self._text[self._at : self._end]
        self._advance(self._end)
        return raw

    def skip_value(self) -> str:
        """Leave a value behind that cannot be a record; what was passed over where it is no JSON."""
        if self.char == ":":
            self._advance(self._at + 1)
            self.named = True
            return ""
        self.named, start = False, self._at
        try:
            _, end = _DECODER.raw_decode(self._text, start)
            garbage = ""
        except (ValueError, RecursionError):
            found = re.compile(r"[\[{]").search(self._text, start + 1)
            end = found.start() if found else len(self._text)
            garbage = self._text[start:end].strip()[:_SHOWN]
        self._advance(end)
        return garbage

    def resync(self, wanted: Callable[[Any], bool]) -> str:
        """Go to the next value that is wanted; what was passed over."""
        start = self._at
        for tries, found in enumerate(_OBJECT.finditer(self._text, start + 1)):
            if tries > _TRIES:
                break
            try:
                value, _ = _DECODER.raw_decode(self._text, found.start())
            except (ValueError, RecursionError):
                continue
            if wanted(value):
                raw = self._text[start : found.start()].rstrip().rstrip(",")
                self._advance(found.start())
                return raw[:_SHOWN]
        raw = self._text[start : start + _SHOWN]
        self._advance(len(self._text))
        return raw

    def _advance(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to
        if to > _AHEAD:
            self._text = self._text[to:]
            self._at = 0
            self._end -= to

    def _need(self, ahead: int) -> None:
        while len(self._text) - self._at < ahead and self._more():
            pass

    def _more(self) -> bool:
        pieces: list[str] = []
        size = 0
        for number, text in self._lines:
            if self._last is None:
                self._line = number
            elif number != self._last:
                pieces.append("\n")
            self._last = number
            pieces.append(text)
            size += len(text)
            if size > 1 << 16:
                break
        self._text += "".join(pieces)
        return bool(pieces)
