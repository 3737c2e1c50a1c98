"""Sentence boundaries in abstracts, as spans.

Rules rather than a library: on 400 SciFact and 400 CSAbstruct abstracts and on the sentences people marked as evidence
in the development corpus these rules did as well as punkt, pysbd and sentencex or better (``docs/retrieval.md``), and they
give exact spans at no cost in weight or start-up time.
"""

from __future__ import annotations

import re

from store.types import Span

_END = re.compile(r"[.!?]+[\"'”’)\]}]*(?=\s)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[{\"'])(?:e\.g|i\.e|et al|etc|cf|vs|viz|resp|approx|Figs?|Eqs?|Sec|Refs?|Tab|Alg|Thm|Prof|Dr|Mrs?|Ms|St"
    r"|Nos?|Vol|pp|ca|al|w\.r\.t|s\.t|a\.k\.a|i\.i\.d|U\.S|Inc|Ltd|Jr|Sr|Ph\.D)\.$"
)
_INITIAL = re.compile(r"(?:^|[\s(])[A-Z]\.$")
_LOWER_NAME = re.compile(r"[a-z]+[A-Z0-9]")
_LOOK_BACK = 12


def _continues(text: str, stop: int, rest: str) -> bool:
    """Whether the sentence goes on after a full stop at ``stop``, given the text that follows."""
    if text[stop] == ".":
        tail = text[max(0, stop - _LOOK_BACK) : stop + 1]
        if _ABBREVIATION.search(tail) or _INITIAL.search(tail):
            return True
    if rest[0].islower() and not _LOWER_NAME.match(rest):
        return True
    return rest[0] in ",;:)"


def split_sentences(text: str) -> tuple[Span, ...]:
    """Split a text into sentences.

    Args:
        text: any text, usually an abstract.

    Returns:
        Spans in order, not overlapping, without white space at either end. Every character that is not white space
        lies in exactly one of them.
    """
    spans: list[Span] = []
    start = 0
    for match in _END.finditer(text):
        gap = match.end()
        while gap < len(text) and text[gap].isspace():
            gap += 1
        if gap == len(text):
            break
        if not _continues(text, match.start(), text[gap : gap + 40]):
            spans.append(_strip(text, start, match.end()))
            start = match.end()
    last = _strip(text, start, len(text))
    if last.start < last.end:
        spans.append(last)
    return tuple(spans)


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)
