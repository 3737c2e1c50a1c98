"""Do the numbers of a claim stand in its evidence, each where the evidence has it? Also what is numbered: places, dimensions, versions, rates of growth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

from assistant.verify.numbers import Number, numbers
from store.lexical import word_terms

_WORD = re.compile(r"[^\W\d_]+")
_EXACT = 1e-9
_FEW = 12
_CLEAR = 2.0
# "A third" may stand for 33%, "half" for 49%.
_ROUNDED = 0.02
# "About 40" may stand for 42.
_LOOSELY = 0.06
_ORDINALS = {
    name: n
    for n, name in enumerate(["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"], start=1)
}
_ORDINAL = rf"(?:{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th))"
# Of each of these a text names one or some; a claim that names another than its evidence does is wrong.
_LABELS: Mapping[str, re.Pattern[str]] = {
    "place": re.compile(
        rf"\b(?:rank(?:s|ed|ing)?|came|comes|plac(?:es|ed|ing)|finish(?:es|ed)|won|wins?|takes?|took|achiev\w+|hold(?:s|ing)?|secur\w+)\s(?:the\s|in\s|at\s|as\s|on\s|overall\s)*({_ORDINAL})\b(?!\s(?:results?|time|large|public|time|to)\b)"
        rf"|\b({_ORDINAL})[\s-](?:place|rank|prize|best)\b",
        re.IGNORECASE,
    ),
    "order": re.compile(rf"\b({_ORDINAL})[\s-]order\b", re.IGNORECASE),
    "dimensions": re.compile(r"(?<![\w-])(one|two|three|four|\d+)[\s-]?(?:D\b|dimension(?:s|al)?\b)"),
    "growth": re.compile(
        r"\b(sub-?linear|super-?linear|linear|quadratic|cubic|polynomial|exponential|logarithmic|factorial)(?:al)?(?:ly)?\b", re.IGNORECASE
    ),
}
_DIMENSIONS = {"one": 1, "two": 2, "three": 3, "four": 4}
_NUMBERED = re.compile(r"(?<![\w.])((?:[A-Za-z][A-Za-z]*-)*?[A-Za-z]*[A-Z][A-Za-z]*)[-\s]?(\d+(?:\.\d+)*[KkMB]?)(?![\w%])")
_SINGLE = re.compile(r"\b(?:single|one|sole)\b", re.IGNORECASE)


def unmatched(claim: str, evidence: str) -> list[str]:
    """The claim's numbers that the evidence does not hold, as written; a rounded one is held, and so is one in another measure, a complement or a reciprocal.

    Args:
        claim: a sentence.
        evidence: what it cites.
    """
    held = numbers(evidence)
    claimed = numbers(claim)
    lacking = [number for number in claimed if not any(_same(number, other) for other in held)]
    for whole in [number for number in claimed if number.both]:
        parts = [number for number in claimed if number is not whole and number.start in range(whole.start, whole.start + len(whole.text))]
        # "Four out of eight" is held where it is, and where both of its numbers are.
        if whole not in lacking or not any(part in lacking for part in parts):
            lacking = [number for number in lacking if number is not whole and number not in parts]
    # "The two models" may sum up what the evidence lists or calls both; another count in its place may not.
    counts = any(0 < h.value <= _FEW and h.spelt for h in held) or _SINGLE.search(evidence)
    return [n.text for n in lacking if counts or not n.spelt or not _listed(evidence, n.value) or _of_one(claim, n, evidence)]


def mislabelled(claim: str, evidence: str) -> list[str]:
    """Places, orders, dimensions, rates of growth and numbers of names (``GPT-3``) in a claim, where the evidence has only others of the same.

    Args:
        claim: a sentence.
        evidence: what it cites, the title as well.
    """
    held = _labels(evidence)
    return [text for (kind, value), text in _labels(claim).items() if (kind, value) not in held and any(kind == other for other, _ in held)]


def swapped(claim: str, evidence: str) -> bool:
    """Whether two numbers of a claim stand each where the evidence has the other.

    Two numbers are exchanged where they come in another order than in the evidence while what stands by them comes in the same, or the
    other way round, or where what stands by each is what stands by the other in the evidence; "95 and 90 for A and B, respectively" is read like
    "95 for A, 90 for B".
    """
    held = numbers(evidence)
    stems = _stems(evidence)
    pairs = [(n, [o for o in held if _same(n, o)]) for n in numbers(claim)]
    for (one, of_one), (two, of_two) in combinations([(n, o) for n, o in pairs if len(o) == 1], 2):
        if one.value == two.value or of_one[0].start == of_two[0].start:
            continue
        crossed = _crossed(one, two, of_one[0], of_two[0], evidence)
        if crossed:
            return True
        if crossed is False or (_adjacent(claim, one, two) and _adjacent(evidence, of_one[0], of_two[0])):
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


def _crossed(one: Number, two: Number, of_one: Number, of_two: Number, evidence: str) -> bool | None:
    """Whether the word next to each is next to the other in the evidence, and not to its own; None where that tells nothing."""
    if "respectively" in evidence:
        return None

    def close(number: Number) -> set[str]:
        return {stem for stem, weight in number.context if weight == 1}

    shared = close(one) & close(two)
    here, there = (close(one) - shared, close(two) - shared), (close(of_one), close(of_two))
    straight = here[0] & there[0] or here[1] & there[1]
    if straight:
        return False if not here[0] & there[1] and not here[1] & there[0] else None
    return True if here[0] & there[1] and here[1] & there[0] else None


def _adjacent(text: str, one: Number, two: Number) -> bool:
    """Whether one follows the other as in a range or a list: "15 to 75", "15 and 75"."""
    return (
        one.start < two.start
        and re.fullmatch(r"\s*(?:[-–,%]|to|and|or|\s|between)*\s*", text[one.start + len(one.text) : two.start]) is not None
    )


@lru_cache(maxsize=4_000)
def _labels(text: str) -> dict[tuple[str, str], str]:
    found = {}
    for kind, pattern in _LABELS.items():
        for match in pattern.finditer(text):
            value = next(group for group in match.groups() if group).lower()
            plain = _ORDINALS.get(value) or _DIMENSIONS.get(value) or re.sub(r"(?<=\d)(?:st|nd|rd|th)$|-", "", value)
            found[kind, str(plain)] = match.group(0)
    for match in _NUMBERED.finditer(text):
        found[f"name {match[1].lower()}", match[2]] = match.group(0)
    return found


def _of_one(claim: str, number: Number, evidence: str) -> bool:
    """Whether the evidence speaks of one of what the claim counts: "a robot", not "robots"."""
    after = re.match(r"(?:\s[\w-]+){0,3}?\s(\w{3,}[^\Ws])s\b", claim[number.start + len(number.text) :])
    if after is None:
        return False
    noun = re.escape(after[1])
    several = re.search(rf"\b{noun}s\b", evidence, re.IGNORECASE)
    return (
        several is None
        and re.search(rf"\b(?:an?|our|this|the|one|single)\s(?:[\w+-]+\s){{0,3}}{noun}\b", evidence, re.IGNORECASE) is not None
    )


def _listed(evidence: str, count: float) -> bool:
    """Whether the evidence lists so many things."""
    if count == 2:
        return True
    return (
        2 < count <= 5
        and re.search(rf"(?:[^,.;]{{2,60}},\s){{{int(count) - 2}}}[^,.;]{{2,60}},?\s(?:and|or|as well as)\s", evidence) is not None
    )


@lru_cache(maxsize=4_000)
def _stems(text: str) -> dict[str, int]:
    """Where each stem stands first; those that stand twice are left out, since they point nowhere."""
    places: dict[str, list[int]] = {}
    for match in _WORD.finditer(text):
        for stem in word_terms(match.group(0)):
            places.setdefault(stem, []).append(match.start())
    return {stem: where[0] for stem, where in places.items() if len(where) == 1}


def _same(claimed: Number, held: Number) -> bool:
    if claimed.measure and held.measure:
        if claimed.measure[0] != held.measure[0]:
            return False
        ratio = claimed.measure[1] / held.measure[1]
        return _near(claimed.value * ratio, claimed.step * ratio, held, loose=claimed.loose) and claimed.bound * held.bound >= 0
    if {claimed.unit, held.unit} & {"share"} or (claimed.unit == "%" and held.unit in ("%", "x")):
        return _same_share(claimed, held)
    if claimed.unit == "%" and not held.unit and held.value <= 1 and held.step < 0.5:
        return _near(claimed.value / 100, claimed.step / 100, held, loose=claimed.loose)
    if claimed.unit and held.unit and claimed.unit != held.unit:
        return False
    return _near(claimed.value, claimed.step, held, loose=claimed.loose) and claimed.bound * held.bound >= 0


def _near(value: float, step: float, held: Number, *, loose: bool = False) -> bool:
    gap = abs(value - held.value)
    if gap <= max(_EXACT, 1e-6 * abs(held.value)) or (loose and gap <= _LOOSELY * abs(held.value)):
        return True
    # Only the claim may round.
    return held.step < step and gap <= step * (1 + 1e-6)


def _same_share(claimed: Number, held: Number) -> bool:
    """The same part of a whole, the rest of it, or one in so many."""
    part, whole = claimed.share, held.share
    if claimed.unit == "%" and held.unit == "%":
        if _near(claimed.value, claimed.step, held):
            return claimed.bound * held.bound >= 0 and not (claimed.relation and held.relation and claimed.relation != held.relation)
        rest = abs(claimed.value + held.value - 100) <= max(_EXACT, claimed.step - held.step)
        return rest and (claimed.relation == "change") != (held.relation == "change")
    if part is None or whole is None:
        other, times = (part, held) if part is not None else (whole, claimed)
        if other is None or times.unit not in ("x", ""):
            return False
        return any(
            abs(other - value) <= _ROUNDED * other
            for value in ([1 / times.value] if times.value else []) + [times.value] * (not times.unit)
        )
    return min(abs(part - whole), abs(part - (1 - whole))) <= _ROUNDED
