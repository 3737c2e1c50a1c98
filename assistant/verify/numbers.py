"""The numbers of a text: values with scales, units and measures, spelt out or in digits, fractions and multiples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

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
_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = {**{word: n for n, word in enumerate(_ONES)}, **{word: 10 * n for n, word in enumerate(_TENS, start=2)}, "dozen": 12}
_PARTS = {
    "half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12,
    "twentieth": 20, "thirtieth": 30, "fiftieth": 50, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_TIMES = {"twice": 2, "doubl": 2, "thrice": 3, "tripl": 3, "quadrupl": 4}
_SECONDS = {"year": 31_557_600.0, "month": 2_629_800.0, "week": 604_800.0, "day": 86_400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}
# What a measure is of, and how many of its base unit one of it is.
_MEASURES: dict[str, tuple[str, float]] = {
    **{f"{name}s" * plural or name: ("time", factor) for name, factor in _SECONDS.items() for plural in (0, 1)},
    "decade": ("time", 10 * _SECONDS["year"]), "decades": ("time", 10 * _SECONDS["year"]), "s": ("time", 1.0), "sec": ("time", 1.0), "min": ("time", 60.0), "mins": ("time", 60.0),
    "h": ("time", 3600.0), "hr": ("time", 3600.0), "hrs": ("time", 3600.0), "ms": ("time", 1e-3), "msec": ("time", 1e-3), "us": ("time", 1e-6), "µs": ("time", 1e-6), "μs": ("time", 1e-6),
    "ns": ("time", 1e-9), "milliseconds": ("time", 1e-3), "millisecond": ("time", 1e-3), "microseconds": ("time", 1e-6), "nanoseconds": ("time", 1e-9),
    "hz": ("frequency", 1.0), "khz": ("frequency", 1e3), "mhz": ("frequency", 1e6), "ghz": ("frequency", 1e9),
    "kb": ("bytes", 1e3), "mb": ("bytes", 1e6), "gb": ("bytes", 1e9), "tb": ("bytes", 1e12),
    "nm": ("length", 1e-9), "µm": ("length", 1e-6), "μm": ("length", 1e-6), "mm": ("length", 1e-3), "cm": ("length", 1e-2), "km": ("length", 1e3), "m": ("length", 1.0), "meter": ("length", 1.0), "meters": ("length", 1.0),
    "metre": ("length", 1.0), "metres": ("length", 1.0), "millimeters": ("length", 1e-3), "millimetres": ("length", 1e-3), "centimeters": ("length", 1e-2), "centimetres": ("length", 1e-2),
    "kilometers": ("length", 1e3), "kilometres": ("length", 1e3), "mw": ("power", 1e-3), "w": ("power", 1.0), "kw": ("power", 1e3), "watts": ("power", 1.0),
    "mj": ("energy", 1e-3), "j": ("energy", 1.0), "kj": ("energy", 1e3), "mg": ("mass", 1e-3), "g": ("mass", 1.0), "kg": ("mass", 1e3), "ml": ("volume", 1e-3),
    "db": ("level", 1.0), "fps": ("frames", 1.0), "bits": ("bits", 1.0), "bit": ("bits", 1.0), "mbps": ("bit rate", 1e6), "gbps": ("bit rate", 1e9), "°": ("angle", 1.0), "degrees": ("angle", 1.0),
}  # fmt: skip
_LONG_FIRST = sorted(_MEASURES, key=len, reverse=True)
_MEASURE = re.compile(rf"[\s-]?(?P<unit>{'|'.join(_LONG_FIRST)})(?:/(?P<per>{'|'.join(_LONG_FIRST)}))?(?![\w])", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:(?<!\w)(?P<times>[x×])\s?|(?<![\w.]))(?P<sign>[-−]?)(?P<value>\d{1,3}(?:[,\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:(?P<power>\s?(?:\\times|×|\*)\s?10\^\{?(?P<exponent>-?\d+)\}?))?"
    r"\+?(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|bn|[KkMBT](?![\w-]))s?\b)?"
    r"(?P<unit>(?:st|nd|rd|th)\b|\s?(?:\\?%|per\s?cent(?:age)?\b)(?:[\s-]?points?\b)?|[\s-]?(?:points?|pp)\b|\s?(?:[xX]|times)\b|\s?(?:×|\\times)|-?\s?fold\b)?"
    r"(?![\w]*\d)",
)
_SPELT_WORD = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_SCALE_WORD = r"(?:hundred|thousand|million|billion|trillion)"
_COUNT = rf"(?:\d+|{_SPELT_WORD}|an?)"
# The last of these, "a third", is a share where it is of something or stands alone, else a place in a list.
_SHARE = re.compile(
    rf"(?<![\w-])(?P<halves>halv(?:e|es|ed|ing)|half(?![\s-](?:a[\s-])?dozen))(?![\w-])|(?<![\w-])(?P<count>{_COUNT})[\s-](?P<part>{'|'.join(_PARTS)})s\b"
    rf"|(?<![\w-])(?P<one>an?|one)[\s-](?P<single>{'|'.join(_PARTS)})\b(?=\s+(?:of|the|as|fewer|less|more|that|its|their)\b|\s*[.,;)]|$)"
    rf"|(?<![\w-])(?P<some>\d+|{_SPELT_WORD})\s(?:in|out\sof)\s(?P<among>\d+|{_SPELT_WORD})(?![\w.-])",
    re.IGNORECASE,
)
_SPELT = re.compile(
    rf"(?<![\w-])(?P<half>half[\s-](?:a[\s-])?dozen)(?!\w)|(?<![\w-])(?P<multiple>twice|thrice|doubl(?:e[sd]?|ing)|tripl(?:e[sd]?|ing)|quadrupl(?:e[sd]?|ing)|(?:an?|\d|{_SPELT_WORD})\sorders?\sof\smagnitude)(?![\w-])"
    rf"|(?<![\w-])(?P<fold>{_SPELT_WORD}|hundred|thousand)[\s-]?fold\b"
    rf"|(?<![\w-])(?P<words>(?:an?\s{_SCALE_WORD}|{_SPELT_WORD})(?:(?:[\s-]|(?<=hundred)\sand\s|(?<=thousand)\sand\s)(?:{_SPELT_WORD}|{_SCALE_WORD}))*)(?P<unit>\s(?:times|per\s?cent|percent(?:age)?)(?:\spoints?)?\b)?(?!\w|[\s-]dimension)"
    r"|(?<![\w-])(?P<decade>decade)(?!\w)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
# What stands beyond these belongs to another number.
_PARTED = re.compile(r"\b(?:while|whereas|and|but|versus|vs|compared|against|respectively)\b|[;:]|,\s", re.IGNORECASE)
_ABOUT = r"(?:(?:about|around|roughly|approximately|nearly|almost|an?|on average|some|only|just)\s+)*"
_LOOSE = re.compile(
    r"\b(?:about|around|roughly|approximately|nearly|almost|over|close to|more than|less than|under|up to|some|just)\s+(?:an?\s+)?$",
    re.IGNORECASE,
)
_OVER = re.compile(
    rf"(?:\b(?:over|(?<!no )(?:more|greater|higher|larger) than|at least|above|exceed\w*|beyond|no less than)|[>≥])\s*{_ABOUT}$",
    re.IGNORECASE,
)
_UNDER = re.compile(
    rf"(?:\b(?:under|(?<!no )(?:less|fewer|lower|smaller) than|at most|below|up to|no more than|within|as much as)|[<≤])\s*{_ABOUT}$",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"^\s*(?:\w+ly\s)?(?:fewer|less|lower|smaller|faster|slower|more|higher|larger|better|worse|shorter|longer|reductions?|increases?|improvements?|gains?|drops?|decreases?)\b",
    re.IGNORECASE,
)
_BY = re.compile(rf"\bby\s+(?:up to\s+|as much as\s+|over\s+|more than\s+|at least\s+)?{_ABOUT}$", re.IGNORECASE)
_TO = re.compile(
    rf"\b(?:increas|reduc|decreas|lower|rais|cut|drop|fall|rise|shrink|grow|improv)\w*(?:\s\S+){{0,6}}?\sto\s+{_ABOUT}$", re.IGNORECASE
)
_OF = re.compile(r"^\s*of\s+(?!reduction|improvement|increase)", re.IGNORECASE)
_REACH = 4


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Args:
        value: with its scale, ``1.5B`` being 1.5e9; a share's is between 0 and 1.
        step: half a unit of its last digit, for rounding.
        unit: ``%``, ``points``, ``x``, ``place``, ``share`` (a fraction in words) or empty.
        text: as written.
        start: where it is.
        context: stemmed words around it, with 1 over their distance.
        measure: what is measured, and how many base units one of its unit is: ``("time", 0.001)`` for ms; None where it has no known unit.
        bound: 1 for ``over``, -1 for ``under``, else 0.
        loose: whether it is said to be about that.
        relation: ``change`` (by 40%, 40% fewer), ``level`` (to 40%, 40% of) or empty.
    """

    value: float
    step: float
    unit: str
    text: str
    start: int
    context: tuple[tuple[str, float], ...]
    measure: tuple[str, float] | None = None
    bound: int = 0
    loose: bool = False
    relation: str = ""

    @property
    def share(self) -> float | None:
        """As a part of a whole; None where it is no share."""
        return self.value / 100 if self.unit == "%" else self.value if self.unit == "share" else None

    @property
    def both(self) -> bool:
        """Whether it is made of two numbers, as ``4 out of 8`` is."""
        return self.unit == "share" and re.search(r"\s(?:in|out\sof)\s", self.text) is not None

    @property
    def spelt(self) -> bool:
        """Whether it is a count in words."""
        return not self.unit and self.text[:1].isalpha()


@lru_cache(maxsize=4_000)
def numbers(text: str) -> tuple[Number, ...]:
    """The numbers of a text, those in names (``GPT-3``, ``CIFAR-10``, ``3D``) left out.

    Args:
        text: a sentence or several.
    """
    shares = list(_shares(text))
    taken = [range(n.start, n.start + len(n.text)) for n in shares if not n.both]
    others = [n for n in (*_digits(text), *_spelt(text)) if not any(n.start in one for one in taken)]
    return tuple(sorted([*shares, *others], key=lambda n: n.start))


def _shares(text: str) -> Iterator[Number]:
    for match in _SHARE.finditer(text):
        if match["halves"]:
            value = 0.5
        elif match["part"]:
            value = _count(match["count"]) / _PARTS[match["part"].lower()]
        elif match["single"]:
            value = 1 / _PARTS[match["single"].lower()]
        else:
            value = _count(match["some"]) / max(1.0, _count(match["among"]))
        if 0 < value <= 1:
            yield _number(text, match, value, 0.0, "share")


def _digits(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        measured = not match["unit"] and _MEASURE.match(after)
        if re.search(r"[^\W\d_][-_/]?$", before) or (not measured and re.match(r"[A-Za-z]|-?D\b", after)):
            continue
        digits = match["value"].replace(",", "").replace("\u202f", "")
        scale = _SCALES[match["scale"].lower()] if match["scale"] else 1.0
        scale *= 10.0 ** int(match["exponent"]) if match["exponent"] else 1.0
        decimals = len(digits.partition(".")[2])
        unit = "x" if match["times"] else _unit(match["unit"] or "")
        yield _number(text, match, float(digits) * scale, 0.5 * 10.0**-decimals * scale, unit)


def _spelt(text: str) -> Iterator[Number]:
    for match in _SPELT.finditer(text):
        if match["half"]:
            yield _number(text, match, 6.0, 0.0, "")
        elif match["multiple"]:
            word = match["multiple"].lower()
            times = 10.0 ** _count(word.split()[0]) if "magnitude" in word else next(float(n) for stem, n in _TIMES.items() if stem in word)
            yield _number(text, match, times, 0.0, "x")
        elif match["fold"]:
            yield _number(text, match, _count(match["fold"]), 0.0, "x")
        elif match["decade"]:
            yield _number(text, match, 10.0, 0.0, "", ("time", _SECONDS["year"]))
        elif (value := _count(match["words"])) != 1.0:
            yield _number(text, match, value, 0.0, _unit(match["unit"] or ""))


def _count(words: str) -> float:
    """What a number in words or digits is; ``twenty-three thousand`` is 23,000."""
    if words.isdigit():
        return float(words)
    total = part = 0.0
    for word in re.split(r"[\s-]+", words.lower()):
        if word in ("hundred", "dozen") and part:
            part *= _SCALES.get(word, 12.0)
        elif word in _SCALES:
            part = max(part, 1.0) * _SCALES[word]
            total, part = (total, part) if word == "hundred" else (total + part, 0.0)
        else:
            part += 1.0 if word in ("a", "an") else float(_WORDS.get(word, 0))
            part -= 1.0 if word in ("a", "an") and len(words.split()) > 1 else 0.0
    return total + part


def _unit(text: str) -> str:
    plain = text.lower()
    if "point" in plain or "pp" in plain:
        return "points"
    if "%" in plain or "cent" in plain:
        return "%"
    if plain in ("st", "nd", "rd", "th"):
        return "place"
    return "x" if plain.strip(" -") else ""


def _number(text: str, match: re.Match[str], value: float, step: float, unit: str, measure: tuple[str, float] | None = None) -> Number:
    def stems(words: Sequence[str]) -> list[str]:
        return [stem for word in words for stem in (word_terms(word) or ((word.lower(),) if word.lower() in ("from", "to") else ()))]

    left, right = text[: match.start()], text[match.end() :]
    before = stems(_WORD.findall(_PARTED.split(left)[-1])[-_REACH - 2 :])[-_REACH:]
    after = stems(_WORD.findall(_PARTED.split(right)[0])[: _REACH + 2])[:_REACH]
    near: dict[str, float] = {}
    for words in (before[::-1], after):
        for distance, stem in enumerate(words, start=1):
            near[stem] = max(near.get(stem, 0.0), 1 / distance)
    if measure is None and not unit and (found := _MEASURE.match(right)):
        measure = _measure(found["unit"], found["per"])
    nearby = left[-60:]
    return Number(
        value,
        step,
        unit,
        match.group(0).strip(),
        match.start() + len(match.group(0)) - len(match.group(0).lstrip()),
        tuple(near.items()),
        measure,
        1 if _OVER.search(nearby) else -1 if _UNDER.search(nearby) else 0,
        bool(_LOOSE.search(nearby)),
        "change" if _CHANGE.match(right) or _BY.search(nearby) else "level" if _OF.match(right) or _TO.search(nearby) else "",
    )


def _measure(unit: str, per: str | None) -> tuple[str, float]:
    kind, factor = _MEASURES[unit.lower()]
    if not per:
        return kind, factor
    other, divisor = _MEASURES[per.lower()]
    return f"{kind}/{other}", factor / divisor
