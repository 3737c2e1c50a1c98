"""Abbreviations that a text defines, by the algorithm of Schwartz and Hearst (2003), "A simple algorithm for identifying abbreviation definitions in biomedical text"."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache

from store.lexical import terms

_BRACKETED = re.compile(r"(?<=\s)[(\[]([^()\[\]]{2,60})[)\]]")
_LONGEST = 10
_MOST_WORDS = 2
_FEWEST_WORDS = 5


@lru_cache(maxsize=4_000)
def definitions(text: str) -> tuple[tuple[str, str], ...]:
    """The abbreviations a text defines, as in "brown adipose tissue (BAT)".

    Args:
        text: an abstract.

    Returns:
        (short form, long form) in order of appearance, each short form once.
    """
    found: dict[str, str] = {}
    for match in _BRACKETED.finditer(text):
        short = re.split(r"[,;]", match[1])[0].strip()
        if not _is_short_form(short):
            continue
        words = re.split(r"\s+", _clause(text[: match.start()]))
        window = " ".join(words[-min(len(short) + _FEWEST_WORDS, 2 * len(short)) :])
        if long := _long_form(short, window):
            found.setdefault(short, long)
    return tuple(found.items())


def expanded_terms(sentence: str, text: str) -> set[str]:
    """Terms of a sentence, and of the other form of every abbreviation in it that its text defines.

    Args:
        sentence: part of the text.
        text: the text that defines abbreviations.
    """
    held = set(terms(sentence))
    return held | expansions(held, text)


def expansions(held: Set[str], text: str) -> set[str]:
    """What :func:`expanded_terms` adds to the terms that a sentence holds."""
    grown = set(held)
    for short, long in definitions(text):
        of_short, of_long = set(terms(short)), set(terms(long))
        if of_short and of_short <= grown:
            grown |= of_long
        elif of_long and of_long <= grown:
            grown |= of_short
    return grown - held


def _is_short_form(text: str) -> bool:
    return (
        2 <= len(text) <= _LONGEST
        and len(text.split()) <= _MOST_WORDS
        and text[0].isalnum()
        and any(ch.isupper() for ch in text)
        and any(ch.isalpha() for ch in text)
    )


def _clause(before: str) -> str:
    """What stands before a bracket, back to the end of the last sentence."""
    return re.split(r"[.;:?!]\s", before)[-1].strip()


def _long_form(short: str, before: str) -> str | None:
    """The shortest end of a text whose letters hold those of the short form in order, its first letter at the start of a word."""
    s, i = len(short) - 1, len(before) - 1
    while s >= 0:
        wanted = short[s].lower()
        if not wanted.isalnum():
            s -= 1
            continue
        while i >= 0 and (before[i].lower() != wanted or (s == 0 and i > 0 and before[i - 1].isalnum())):
            i -= 1
        if i < 0:
            return None
        i -= 1
        s -= 1
    start = before.rfind(" ", 0, i + 2) + 1
    long = before[start:].strip(" -(\"'")
    whole = len(long) > len(short) and short.lower() not in long.lower().split() and not set(long) & set("()[]")
    return long if whole else None
