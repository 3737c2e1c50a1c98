"""Numbers of a claim against those of its evidence: values, scales, units, and which number goes with what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from store.lexical import word_terms

_SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "k": 1e3,
    "million": 1e6,
    "m": 1e6,
    "billion": 1e9,
    "b": 1e9,
    "bn": 1e9,
    "trillion": 1e12,
    "t": 1e12,
}
_WORDS = {
    "zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_MULTIPLES = {
    "half": (0.5, ""),
    "twice": (2, "x"),
    "double": (2, "x"),
    "doubles": (2, "x"),
    "doubled": (2, "x"),
    "triple": (3, "x"),
    "tenfold": (10, "x"),
}
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-−]?)(?P<value>\d{1,3}(?:[,\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:(?P<power>\s?(?:\\times|×|\*)\s?10\^\{?(?P<exponent>-?\d+)\}?))?"
    r"(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|bn|[KkMBT](?![\w-]))s?\b)?"
    r"(?P<unit>(?:st|nd|rd|th)\b|\s?(?:\\?%|per\s?cent(?:age)?\b)(?:[\s-]?points?\b)?|[\s-]?(?:points?|pp)\b|\s?(?:x|times)\b|\s?(?:×|\\times)|-?\s?fold\b)?"
    r"(?![\w]*\d)",
)
_SPELT = re.compile(rf"\b(?:{'|'.join([*_WORDS, *_MULTIPLES])})\b(?:[\s-](?P<scale>hundred|thousand|million|billion))?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
# What stands beyond these belongs to another number.
_PARTED = re.compile(r"\b(?:while|whereas|and|but|versus|vs|compared|against|respectively)\b|[;:]|,\s", re.IGNORECASE)
_REACH = 4
_EXACT = 1e-9
_FEW = 12
_CLEAR = 2.0


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Args:
        value: with its scale, ``1.5B`` being 1.5e9.
        step: half a unit of its last digit, for rounding.
        unit: ``%``, ``points``, ``x`` or empty.
        text: as written.
        start: where it is.
        context: stemmed words around it, with 1 over their distance.
    """

    value: float
    step: float
    unit: str
    text: str
    start: int
    context: tuple[tuple[str, float], ...]


@lru_cache(maxsize=4_000)
def numbers(text: str) -> tuple[Number, ...]:
    """The numbers of a text, those in names (``GPT-3``, ``CIFAR-10``, ``3D``) left out.

    Args:
        text: a sentence or several.
    """
    found: list[tuple[int, Number]] = []
    for match in _NUMBER.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if re.search(r"[^\W\d_][-_/]?$", before) or re.match(r"[A-Za-z]", after) or re.match(r"-[A-Z]", after):
            continue
        digits = match["value"].replace(",", "").replace("\u202f", "")
        scale = _SCALES[match["scale"].lower()] if match["scale"] else 1.0
        scale *= 10.0 ** int(match["exponent"]) if match["exponent"] else 1.0
        decimals = len(digits.partition(".")[2])
        found.append(
            (match.start(), _number(text, match, float(digits) * scale, 0.5 * 10.0**-decimals * scale, _unit(match["unit"] or "")))
        )
    for match in _SPELT.finditer(text):
        word = match.group(0).split()[0].split("-")[0].lower()
        value, unit = _MULTIPLES.get(word) or (_WORDS[word], "")
        scale = _SCALES[match["scale"].lower()] if match["scale"] else 1.0
        found.append((match.start(), _number(text, match, value * scale, 0.0, unit)))
    return tuple(number for _, number in sorted(found, key=lambda x: x[0]))


def unmatched(claim: str, evidence: str) -> list[str]:
    """The claim's numbers that the evidence does not hold, as written; a rounded one is held.

    Args:
        claim: a sentence.
        evidence: what it cites.
    """
    held = numbers(evidence)
    lacking = [number for number in numbers(claim) if not any(_same(number, other) for other in held)]
    # "The two models" may sum up what the evidence lists or calls both; another count in its place may not.
    counts = any(0 < h.value <= _FEW and not h.unit and h.text.isalpha() for h in held)
    return [n.text for n in lacking if counts or not (n.value == 2 and n.text.lower() == "two")]


def swapped(claim: str, evidence: str) -> bool:
    """Whether two numbers of a claim stand each where the evidence has the other.

    Two numbers are exchanged where they come in another order than in the evidence while what stands by them comes in the same, or the
    other way round; "95 and 90 for A and B, respectively" is read like "95 for A, 90 for B".
    """
    held = numbers(evidence)
    stems = _stems(evidence)
    pairs = [(n, [o for o in held if _same(n, o)]) for n in numbers(claim)]
    for (one, of_one), (two, of_two) in combinations([(n, o) for n, o in pairs if len(o) == 1], 2):
        if one.value == two.value or of_one[0].start == of_two[0].start:
            continue
        near, far = dict(one.context), dict(two.context)
        first = [stem for stem, weight in near.items() if stem in stems and weight > far.get(stem, 0.0)]
        second = [stem for stem, weight in far.items() if stem in stems and weight > near.get(stem, 0.0)]
        votes = {True: 0.0, False: 0.0}
        for stem in first:
            for stem2 in second:
                if stem != stem2:
                    votes[(of_one[0].start < of_two[0].start) == (stems[stem] < stems[stem2])] += near[stem] * far[stem2]
        if votes[False] > _CLEAR * votes[True] and votes[False] > 0:
            return True
    return False


@lru_cache(maxsize=4_000)
def _stems(text: str) -> dict[str, int]:
    """Where each stem stands first; those that stand twice are left out, since they point nowhere."""
    places: dict[str, list[int]] = {}
    for match in _WORD.finditer(text):
        for stem in word_terms(match.group(0)):
            places.setdefault(stem, []).append(match.start())
    return {stem: where[0] for stem, where in places.items() if len(where) == 1}


def _same(claimed: Number, held: Number) -> bool:
    if claimed.unit and held.unit and claimed.unit != held.unit:
        return False
    gap = abs(claimed.value - held.value)
    if gap <= _EXACT * max(1.0, abs(held.value)):
        return True
    # Only the claim may round.
    return held.step < claimed.step and gap <= claimed.step * (1 + 1e-6)


def _unit(text: str) -> str:
    plain = text.lower()
    if "point" in plain or "pp" in plain:
        return "points"
    if "%" in plain or "cent" in plain:
        return "%"
    if plain in ("st", "nd", "rd", "th"):
        return "place"
    return "x" if plain.strip(" -") else ""


def _number(text: str, match: re.Match[str], value: float, step: float, unit: str) -> Number:
    def stems(words: Sequence[str]) -> list[str]:
        return [stem for word in words for stem in (word_terms(word) or ((word.lower(),) if word.lower() in ("from", "to") else ()))]

    before = stems(_WORD.findall(_PARTED.split(text[: match.start()])[-1])[-_REACH - 2 :])[-_REACH:]
    after = stems(_WORD.findall(_PARTED.split(text[match.end() :])[0])[: _REACH + 2])[:_REACH]
    near: dict[str, float] = {}
    for words in (before[::-1], after):
        for distance, stem in enumerate(words, start=1):
            near[stem] = max(near.get(stem, 0.0), 1 / distance)
    return Number(value, step, unit, match.group(0).strip(), match.start(), tuple(near.items()))
