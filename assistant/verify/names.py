"""Named methods, models and data sets of a claim against those of its evidence."""

from __future__ import annotations

import re
from functools import lru_cache

from store.abbreviations import definitions

_TOKEN = re.compile(r"[^\W_]+(?:[-–/.+][^\W_]+)*\+*")
_PARTS = re.compile(r"[-–/.+\s]")
_WIDEST = 8


@lru_cache(maxsize=4_000)
def names(text: str) -> tuple[str, ...]:
    """Words that look like names: with capitals inside, several capitals, letters and digits, or a capital within a sentence.

    Args:
        text: a sentence or several.
    """
    found = []
    for match in _TOKEN.finditer(text):
        word = match.group(0)
        starts = not text[: match.start()].rstrip("\"'“‘( ").strip() or re.search(r"[.!?:]\s*[\"'“‘(]*$", text[: match.start()]) is not None
        letters = [ch for ch in word if ch.isalpha()]
        capitals = sum(ch.isupper() for ch in letters)
        mixed = bool(letters) and any(ch.isdigit() for ch in word)
        inside = any(ch.isupper() for ch in word[1:])
        if len(word) > 1 and letters and (inside or (mixed and capitals) or (capitals and not starts)):
            found.append(word)
    return tuple(dict.fromkeys(found))


def unmatched_names(claim: str, evidence: str, context: str = "") -> list[str]:
    """The claim's names that are nowhere in its evidence, be it as an abbreviation, its long form or another spelling.

    Args:
        claim: a sentence.
        evidence: what it cites.
        context: title and abstract of what it cites: the title is evidence too, the abstract says what abbreviations stand for.
    """
    held = _squeezed(evidence)
    known = {}
    for short, long in (*definitions(context), *definitions(evidence), *definitions(claim)):
        known[_squeezed(short).rstrip("s")] = _squeezed(long).rstrip("s")
    initials = _initials(evidence)
    lacking = []
    for name in names(claim):
        plain = _squeezed(name)
        bare = plain[:-1] if plain.endswith("s") else plain
        forms = {plain, bare, known.get(bare, bare), *(short for short, long in known.items() if bare == long)}
        if any(form in held for form in forms) or bare in initials:
            continue
        parts = [part for part in _PARTS.split(name) if part]
        named = [_squeezed(part) for part in parts if any(ch.isupper() or ch.isdigit() for ch in part)]
        if len(parts) > 1 and named and all(part in held or part.rstrip("s") in initials for part in named):
            continue
        lacking.append(name)
    return lacking


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


@lru_cache(maxsize=4_000)
def _initials(text: str) -> frozenset[str]:
    """First letters of each run of words, as abbreviations are made: ``ner`` for named entity recognition."""
    words = [word for word in re.split(r"[^\w]+", text) if word]
    firsts = "".join(word[0].lower() for word in words)
    return frozenset(firsts[i : i + n] for n in range(2, _WIDEST) for i in range(len(firsts) - n + 1))
