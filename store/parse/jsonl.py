"""JSON Lines: one object a line, with the field names that public dumps use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from store.parse.base import Line, Parsed, Unusable, refuse, settle
from store.parse.fields import AS_NAMED, FieldMap, record_of

# Objects that hold records rather than being one.
WRAPPERS = ("results", "data", "papers", "items", "records", "entries", "works", "documents", "articles", "hits", "docs", "publications")
_WRAPPED = re.compile(rf'\s*\{{[^\[]{{0,4000}}?"(?:{"|".join(WRAPPERS)})"\s*:\s*\[')


@dataclass(frozen=True, slots=True)
class JsonlParser:
    """Parser of JSON Lines.

    Args:
        name: ``jsonl``, or the format that every line is known to have.
        names: which field is which.
        shape: ``arxiv`` or ``openalex`` where every line is known to be one.
    """

    name: str = "jsonl"
    names: FieldMap = AS_NAMED
    shape: str = ""

    def sniff(self, head: str, ending: str) -> bool:
        """Whether the first line that is not blank is an object, or begins one that is longer than what is looked at."""
        if ending in (".jsonl", ".ndjson"):
            return True
        first, newline, rest = head.lstrip().partition("\n")
        if not re.match(r"\{\s*\"", first) or _WRAPPED.match(first):
            return False
        if not newline:
            return ending != ".json"
        return first.rstrip().endswith("}") and (ending != ".json" or rest.lstrip().startswith("{"))

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read a record a line; a line that is not an object with an abstract is a reject."""
        for number, raw in lines:
            if not raw.strip():
                continue
            try:
                yield settle(file, record_of(number, _object(raw), self.names, shape=self.shape), raw)
            except Unusable as error:
                yield refuse(file, number, str(error), raw)


def _object(raw: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unusable(f"not valid JSON{at}; is the line cut short?") from None
    if not isinstance(data, dict):
        raise Unusable(f"a JSON object was expected, this is a {type(data).__name__}")
    return data
