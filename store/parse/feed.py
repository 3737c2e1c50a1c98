"""Saved pages of a paper feed: titles and abstracts as plain text, with the feed's banner lines.

Three forms occur and mix: one abstract a line without titles; title and abstract on alternating lines; title and
abstract in paragraphs separated by blank lines (hard-wrapped or not).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from store.parse.base import Line, Parsed, clean, refuse, settle
from store.sentences import split_sentences
from store.types import Record, Reject

# Longer than any title of a paper; shorter text is an abstract only if it reads like one.
LONG = 240
_WRAP_WIDTH = 130
_ABSTRACT_WORDS = 25
_TWO_SENTENCE_WORDS = 15
_SUBSCRIBE = "Subscribe"
_SENTENCE = re.compile(r"[^\W_][)\]}$\"'”]*[.!?](?:\s|$)")
_BANNER = re.compile(
    r"new|subscribe|get trending papers.*|by\s*ak and the research community|daily papers|trending papers"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}(?:, \d{4})?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Unit:
    line: int
    text: str


class FeedParser:
    """Parser of saved feed pages; the one that takes any text no other parser knows."""

    name = "feed"

    def sniff(self, head: str, ending: str) -> bool:
        """Any text will do; comes last."""
        return bool(head.strip())

    def parse(self, file: str, lines: Iterable[Line]) -> Iterator[Parsed]:
        """Pair titles with abstracts.

        A line or paragraph that reads like an abstract with no title before it is an entry without a title; a title
        that no abstract follows is a reject.
        """
        title: _Unit | None = None
        for unit in _units(_without_banners(lines)):
            if _reads_like_abstract(unit.text, after_title=title is not None):
                record = Record(line=(title or unit).line, title=title.text if title else None, abstract=unit.text)
                yield settle(file, record, f"{title.text}\n{unit.text}" if title else unit.text)
                title = None
                continue
            if title:
                yield _lonely(file, title)
            title = unit
        if title:
            yield _lonely(file, title)


def _lonely(file: str, unit: _Unit) -> Reject:
    shown = unit.text if len(unit.text) <= 60 else unit.text[:57] + "..."
    return refuse(file, unit.line, f'no abstract follows "{shown}"', unit.text)


def _without_banners(lines: Iterable[Line]) -> Iterator[Line]:
    after_banner = True
    for number, raw in lines:
        text = clean(raw)
        if after_banner and text.startswith(_SUBSCRIBE) and text[len(_SUBSCRIBE) :][:1].strip():
            text = text[len(_SUBSCRIBE) :].strip()
        if not text:
            yield number, ""
        elif _BANNER.fullmatch(text):
            after_banner = True
            yield number, ""
        else:
            after_banner = False
            yield number, text


def _units(lines: Iterable[Line]) -> Iterator[_Unit]:
    block: list[_Unit] = []
    for number, text in lines:
        if text:
            block.append(_Unit(number, text))
            continue
        yield from _block_units(block)
        block = []
    yield from _block_units(block)


def _block_units(block: list[_Unit]) -> Iterator[_Unit]:
    if len(block) > 1 and _is_wrapped(block):
        yield _Unit(block[0].line, " ".join(unit.text for unit in block))
    else:
        yield from block


def _is_wrapped(block: list[_Unit]) -> bool:
    """Whether the lines of a block are one hard-wrapped paragraph: short lines, most of them ending mid-sentence."""
    if max(len(unit.text) for unit in block) > _WRAP_WIDTH:
        return False
    open_ends = sum(unit.text[-1] not in ".!?:" for unit in block[:-1])
    lower_starts = sum(unit.text[0].islower() for unit in block[1:])
    return 2 * open_ends > len(block) - 1 and 3 * lower_starts >= len(block) - 1


def _reads_like_abstract(text: str, *, after_title: bool) -> bool:
    if len(text) > LONG:
        return after_title or _SENTENCE.search(text) is not None
    words = len(text.split())
    if after_title:
        return text[-1] in ".!" or words >= _ABSTRACT_WORDS
    closed = text[-1] in ".!?" and not text.endswith("..")
    return closed and (words >= _ABSTRACT_WORDS or (words >= _TWO_SENTENCE_WORDS and len(split_sentences(text)) > 1))
