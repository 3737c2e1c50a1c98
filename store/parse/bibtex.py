"""BibTeX: entries are cut apart here and read by bibtexparser, one at a time, so that a damaged one spoils no other."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from store.parse.base import Line, Parsed, Unusable, refuse, settle
from store.parse.fields import AS_NAMED, PLAIN_MARK, FieldMap, record_of, split_outside, turned, unwrap
from store.parse.markup import plain_latex

_START = re.compile(r"\s*@\s*([A-Za-z]+)\s*[{(]")
_SNIFF = re.compile(r"^[ \t]*@[A-Za-z]+[ \t]*[{(][ \t]*[^\s,{}]*[ \t]*,?[ \t]*$|^[ \t]*@[A-Za-z]+[ \t]*\{[^\n]*=[ \t]*[{\"]", re.MULTILINE)
_PART = re.compile(r'"([^"]*)"|\{([^{}]*)\}|([^\s#"{}]+)')
_JOINED = re.compile(rf"(?:{_PART.pattern})(?:\s*#\s*(?:{_PART.pattern}))+")
_WORD = re.compile(r"[^\s#,={}()\"]+")
_NO_ENTRY = ("comment", "preamble", "string")


@dataclass(frozen=True, slots=True)
class BibtexParser:
    """Parser of BibTeX libraries.

    Args:
        names: which field is which.
    """

    names: FieldMap = AS_NAMED
    name: str = "bibtex"

    def sniff(self, head: str, ending: str) -> bool:
        """Whether the file is named so or an entry opens in its head."""
        return ending in (".bib", ".bibtex") or _SNIFF.search(head) is not None

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Read a record an entry; an entry without an abstract is a reject."""
        macros: dict[str, str] = {}
        for line, raw in _blocks(lines):
            kind = _START.match(raw)
            if kind is None or kind[1].lower() in _NO_ENTRY:
                if kind and kind[1].lower() == "string" and (name := re.match(r"\s*([^\s=]+)\s*=", raw[kind.end() :])):
                    # Defined again, it comes after what it may name by then.
                    macros.pop(name[1].lower(), None)
                    macros[name[1].lower()] = raw
                continue
            head = _named(macros, raw)
            for entry in _entries(head, raw):
                if isinstance(entry, str):
                    yield refuse(file, line, entry, raw, head)
                    continue
                try:
                    yield settle(file, _record(line, entry, self.names), raw, head)
                except Unusable as error:
                    yield refuse(file, line, str(error), raw, head)


def _named(macros: Mapping[str, str], raw: str) -> str:
    """The macros that an entry names, and those that these name; a library may define hundreds, and each entry is read by itself."""
    needed: set[str] = set()
    waiting = [raw]
    while waiting:
        words = set(_WORD.findall(waiting.pop().lower()))
        found = (words & macros.keys()) - needed
        needed |= found
        waiting += [macros[name] for name in found]
    return "".join(f"{text}\n" for name, text in macros.items() if name in needed)


def _blocks(lines: Iterable[Line]) -> Iterator[Line]:
    """(line, text) of whatever begins with ``@word{``; comments between are part of what stands before them."""
    start, block = 1, list[str]()
    for number, text in lines:
        if _START.match(text):
            if block:
                yield start, "\n".join(block)
            start, block = number, []
        block.append(text)
    if block:
        yield start, "\n".join(block)


def _entries(macros: str, raw: str) -> Iterator[Any]:
    """bibtexparser's entries of a block, or why there is none."""
    from bibtexparser.entrypoint import parse_string
    from bibtexparser.model import DuplicateFieldKeyBlock, Entry

    # What it says about broken entries is said in the rejects.
    logging.getLogger("bibtexparser").addHandler(logging.NullHandler())
    try:
        library = parse_string(macros + _braced(raw), append_middleware=[])
    except Exception as error:  # a parser of other people's files must not end ours
        yield f"not BibTeX that can be read ({error})"
        return
    found = False
    for block in library.blocks:
        if isinstance(block, DuplicateFieldKeyBlock) and isinstance(entry := block.ignore_error_block, Entry):
            # The first of two fields of one name counts.
            first: dict[str, Any] = {}
            for field in entry.fields:
                first.setdefault(field.key, _unquoted(str(field.value)))
            found = True
            yield entry.key, first
        elif isinstance(block, Entry):
            found = True
            strings = {name.lower(): str(one.value) for name, one in library.strings_dict.items()}
            yield block.key, {field.key: _joined(field, strings) for field in block.fields}
    if not found:
        failed = library.failed_blocks
        why = str(failed[0].error).partition("\n")[0] if failed else "no entry"
        why = why.split("syntactical error in bibtex:")[-1].strip()
        yield f"not a whole BibTeX entry ({why[:200] or 'its braces do not match'})"


def _joined(field: Any, strings: Mapping[str, str]) -> str:
    """A field's value; ``nips # " 2020"`` put together."""
    value = str(field.value)
    if field.enclosing != "no-enclosing" or "#" not in value or not _JOINED.fullmatch(value.strip()):
        return value
    return "".join(strings.get(name.lower(), name) if name else quoted + braced for quoted, braced, name in _PART.findall(value))


def _braced(raw: str) -> str:
    """An entry in parentheses with braces instead."""
    found = _START.match(raw)
    text = raw.rstrip()
    if found and found[0].endswith("(") and text.endswith(")"):
        return f"{found[0][:-1]}{{{text[found.end() : -1]}}}"
    return raw


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] + value[-1] in ("{}", '""') else value


def _record(line: int, entry: tuple[str, dict[str, str]], names: FieldMap) -> Any:
    key, fields = entry[0], {name.lower(): value for name, value in reversed(entry[1].items())}
    if PLAIN_MARK in fields:
        return record_of(line, _exported(fields), names)
    data: dict[str, Any] = {name: unwrap(value) for name, value in fields.items()}
    if "author" in data:
        names_of = split_outside(data["author"], r"\s+and\s+")
        data["author"] = [turned(name) for name in names_of if name.strip().lower() != "others"]
    for name in ("url", "doi", "eprint"):
        if name in data:
            data[name] = re.sub(r"[{}]", "", re.sub(r"\\([_%&#])", r"\1", data[name]))
    if "url" in data and (found := re.search(r"https?://[^\s{}]+", data["url"])):
        data["url"] = found[0]
    return record_of(line, {"citekey": key, **data}, names, readable=plain_latex)


def _exported(fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields of an entry that we wrote."""
    data: dict[str, Any] = {name: plain_latex(value) for name, value in fields.items() if name not in ("author", "keywords")}
    data["authors"] = [plain_latex(name) for name in split_outside(fields.get("author", ""), r"\s+and\s+")]
    data["keywords"] = [plain_latex(word) for word in split_outside(fields.get("keywords", ""), r";\s*")]
    data["id"] = data[PLAIN_MARK]
    return data
