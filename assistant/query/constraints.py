"""Conditions that a question sets: years, authors, venues, an order, and what must not be; matched with what the store holds.

What a word is for comes from the query model; the patterns here read exact things: years and how many.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.query.labels import TAGS
from assistant.query.model import Reading
from store.lexical import terms
from store.store import Store

Years = tuple[int | None, int | None]
_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")
_SPAN = re.compile(r"\b((?:19|20)\d\d)\s*(?:-|–|—|to|until|till|and|through)\s*((?:19|20)\d\d)\b", re.IGNORECASE)
_DECADE = re.compile(r"\b(?:the )?((?:19|20)\d0)s\b", re.IGNORECASE)
# What stands before a year that opens or closes a span; the boundary itself is not part of it after "after" and "before".
_OF = r"(?: (?:the )?(?:year|beginning of|start of|end of|middle of|around|about|roughly|say))*"
_NEGATED = r"\b(?:nothing|not|no|none|never|don't want anything|without anything)(?: \w+){0,2}"
_FROM_NEXT = re.compile(rf"(?:\bafter|\bnewer than|\blater than|\bmore recent than|\bpost-?|\bfollowing|>){_OF}\s*$", re.IGNORECASE)
_FROM = re.compile(
    rf"(?:\bsince|\bstarting(?: in| from| with)?|{_NEGATED} (?:older|earlier) than|{_NEGATED} (?:before|prior to|predating|pre-?)|\bas of|\bas from|\bbeginning (?:in|with)|\bfrom"
    rf"|>=|≥){_OF}\s*$",
    re.IGNORECASE,
)
_UNTIL_BEFORE = re.compile(
    rf"(?:\bbefore|\bprior to|\bolder than|\bearlier than|\bahead of|\bpre-?|\bpreceding|\bpredating|<){_OF}\s*$", re.IGNORECASE
)
_UNTIL = re.compile(
    rf"(?:\buntil|\btill|\bup to|\bup until|\bthrough|{_NEGATED} (?:later|newer|more recent) than|{_NEGATED} (?:after|past|beyond)|\bby|<=|≤){_OF}(?: and including)?\s*$",
    re.IGNORECASE,
)
_ONWARD = re.compile(
    r"^(?:'s)?\s*(?:\+|(?:or (?:thereabouts|so) )?on(?:wards?)?\b(?! \w)|(?:or (?:thereabouts|so) )?onwards?\b|upwards?\b|and (?:later|after|newer|onwards?|since|up|beyond)\b|or (?:later|newer|after|more recent)\b|to (?:now|date|present|today|the present)\b"
    r"|-\s*(?:$|\?|now|present))",
    re.IGNORECASE,
)
_AND_EARLIER = re.compile(r"^\s*(?:and|or) (?:earlier|before|older|prior)\b", re.IGNORECASE)
_DECADES = {
    word: 1900 + 10 * n
    for n, word in enumerate(["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"], start=2)
}
_SPOKEN_DECADE = re.compile(rf"\b(?:the|from|in|of) (?:late |early |mid-?)?({'|'.join(_DECADES)})\b", re.IGNORECASE)
_NUMBERS = {word: n for n, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"])}
_NUMBER = rf"(\d{{1,2}}|{'|'.join(_NUMBERS)}|few|couple(?: of)?)"
_LAST_YEARS = re.compile(
    rf"\b(?:last|past|previous|recent)(?:\s+or)?\s+{_NUMBER}(?:\s+or\s+\w+)?\s+(?:years|yrs?)\b|\b(?:last|past) (year|decade)\b|\bthis (year|decade)\b",
    re.IGNORECASE,
)
_TOP = re.compile(
    rf"\b(?:the |top |first |last )*{_NUMBER}\s+(?:most recent|most cited|newest|latest|oldest|earliest|first|recent|best)\b"
    rf"|\b(?:newest|latest|oldest|earliest|most recent|first|top|last)\s+{_NUMBER}\b(?!\s*(?:years|yrs|decade|months))",
    re.IGNORECASE,
)
_SINGLE = re.compile(
    r"\b(?:newest|latest|oldest|earliest|first|most recent) (?:\w+ ){0,2}?(?:paper|article|study|one|entry|publication|preprint|survey)\b",
    re.IGNORECASE,
)
_FEW = 3
_DENIES = re.compile(
    r"\b(?:not?|non|without|w/o|except\w*|exclud\w*|exclusive of|other than|rather than|instead of|but|minus|avoid\w*|free|skip\w*|leav\w+ (?:out|aside)|left (?:out|aside)|besides|apart|aside|bar|barring|"
    r"omit\w*|drop\w*|ignor\w*|spare|save for|never|neither|nor|outside|beyond|none|nothing|lack\w*|sans|cannot|unrelated|already|enough|out|off|need not|unlike)\b|n['’]t\b|\bdont\b|\barent\b|\bisnt\b|\bdoesnt\b|[-−]\s*$",
    re.IGNORECASE,
)  # fmt: skip
_AND, _OR = re.compile(r"\band\b", re.IGNORECASE), re.compile(r"\bor\b", re.IGNORECASE)
_TOGETHER = re.compile(
    r"\b(?:both|also|together|combin\w+|joint\w*|along(?:side)? with|as well as|at once|simultaneous\w*|at the same time|plus|intersection|overlap\w*|in one)\b|\bAND\b|[+&]"
)
# Letters looked at on either side of what is excluded.
_REACH = 48
# In a question of more words the model, which has seen few such, is believed less.
LONG = 18
_CLAUSE = re.compile(r"[;:?!]|\.\s")
_OPENING = re.compile(r"^(?:on|of|about|with|use|uses|using|the|an?|any|in|for)\s+", re.IGNORECASE)
_ALTERNATIVES = re.compile(r"\s*(?:,|;|/|&|\band\b|\bor\b)\s*", re.IGNORECASE)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae"})
_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "’": "", "'": "", "-": " ", ".": " "})
_NEAR_NAME = 78
_MOST_NEAR = 3


@dataclass(frozen=True, slots=True)
class Constraints:
    """Conditions as a question states them, before a store has been asked.

    Args:
        years: first and last year, None for an open end.
        last: the last so many years by the corpus's newest; None where not asked for.
        authors: names, of which any will do.
        venues: likewise.
        sort: ``latest``, ``oldest``, ``most_cited`` or ``none``.
        top: how many are wanted, of a sorted list.
        exclude: what must not be.
        any_of: alternatives.
        all_of: what must be together.
    """

    years: Years | None = None
    last: int | None = None
    authors: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    sort: str = "none"
    top: int | None = None
    exclude: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Constraints()


NO_CONSTRAINTS = Constraints()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a store makes of conditions on years, authors and venues.

    Args:
        ids: entries that meet them; None where there are none to meet.
        stated: the conditions as understood, in words.
        left_out: conditions that could not be applied, and why, a sentence each.
        missing: conditions that nothing meets, a sentence each, with names that come near.
    """

    ids: frozenset[str] | None = None
    stated: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS.get(word.lower(), _FEW)


def read_years(text: str) -> tuple[Years | None, int | None]:
    """The years that a text names as conditions, or how many of the last.

    Args:
        text: a question in which years are conditions.

    Returns:
        First and last year; and the number of years before now.
    """
    if match := _LAST_YEARS.search(text):
        number, last, this = match.groups()
        if number:
            return None, _count(number)
        return None, 10 if "decade" in (last, this) else 1
    if match := _SPAN.search(text):
        ends = sorted(map(int, match.groups()))
        return (ends[0], ends[1]), None
    if (match := _DECADE.search(text)) and not (_FROM.search(text[: match.start()]) or _UNTIL_BEFORE.search(text[: match.start()])):
        start = int(match[1])
        return (start, start + 9), None
    if match := _SPOKEN_DECADE.search(text):
        start = _DECADES[match[1].lower()]
        return (start, start + 9), None
    low: int | None = None
    high: int | None = None
    single: list[int] = []
    for match in _YEAR.finditer(text):
        year, before, after = int(match[0]), text[: match.start()], text[match.end() :]
        if _AND_EARLIER.search(after) or _UNTIL.search(before):
            high = year
        elif _ONWARD.search(after) or (_FROM.search(before) and not re.search(r"\bfrom(?: the year)?\s*$", before, re.IGNORECASE)):
            low = year
        elif _FROM_NEXT.search(before):
            low = year + 1
        elif _UNTIL_BEFORE.search(before):
            high = year - 1
        else:
            single.append(year)
    if low is not None or high is not None:
        return (low, high), None
    return ((min(single), max(single)), None) if single else (None, None)


def read_constraints(text: str, reading: Reading) -> Constraints:
    """The conditions of a question, by the query model's reading of it."""
    sort = reading.sort
    years: Years | None = None
    last: int | None = None
    if _LAST_YEARS.search(text) or _SPOKEN_DECADE.search(text):
        years, last = read_years(text)
    elif tagged := reading.tagged("year"):
        held = [reading.words[place] for place in tagged]
        # Years that are no conditions are blanked, so that they are not read as such.
        blanked = _YEAR.sub(lambda m: m[0] if any(w.start < m.end() and m.start() < w.end for w in held) else "----", text)
        years, last = read_years(blanked)
    top = None
    if sort != "none":
        if match := _TOP.search(text):
            top = _count(next(group for group in match.groups() if group))
        elif _SINGLE.search(text):
            top = 1
    exclude = tuple(_OPENING.sub("", phrase) for phrase in reading.phrases("exclude", text) if _is_denied(phrase, text, len(reading.words)))
    any_of, all_of = reading.phrases("any", text), reading.phrases("all", text)
    any_of = _joined(any_of, text)
    excluded = " ".join(exclude).lower()
    # "X and Y" alone may be one thing, or either.
    all_cued = _TOGETHER.search(text) is not None
    any_of, all_of = (tuple(p for p in phrases if p.lower() not in excluded) for phrases in (any_of, all_of))
    if len(any_of) > 1 and len(all_of) > 1:
        # The same words cannot be both.
        any_of, all_of = (any_of, ()) if _weight(reading, "any") >= _weight(reading, "all") else ((), all_of)
    return Constraints(
        years, last, _names(reading.phrases("author", text)), reading.phrases("venue", text), sort, top, exclude,
        any_of if len(any_of) > 1 else (), all_of if len(all_of) > 1 and all_cued else (),
    )  # fmt: skip


def _joined(phrases: Sequence[str], text: str) -> tuple[str, ...]:
    """Of alternatives those that no "and" parts: the longest run of them."""
    runs: list[list[str]] = []
    end = 0
    for phrase in phrases:
        at = text.find(phrase, end)
        if runs and at >= 0 and (_OR.search(text[end:at]) or not _AND.search(text[end:at])):
            runs[-1].append(phrase)
        else:
            runs.append([phrase])
        end = max(at, 0) + len(phrase)
    return tuple(sorted(runs, key=len)[-1]) if runs else ()


def _is_denied(phrase: str, text: str, words: int) -> bool:
    """Whether a word that excludes stands near a phrase, in the same clause; of a long question before it, outside of brackets."""
    at = text.find(phrase)
    if set(terms(phrase)) <= set(terms(f"{text[:at]} {text[at + len(phrase) :]}")):
        # "A model is proven fair without revealing the model": it is part of the topic too.
        return False
    before, after = text[max(0, at - _REACH) : at], text[at + len(phrase) : at + len(phrase) + _REACH]
    if words > LONG:
        return bool(_DENIES.search(_CLAUSE.split(before)[-1])) and "(" not in before
    return bool(_DENIES.search(before) or _DENIES.search(after) or phrase.lower().startswith("non"))


def _weight(reading: Reading, tag: str) -> float:
    return float(reading.tags[:, TAGS.index(tag)].max(initial=0.0))


def _names(phrases: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for phrase in phrases for part in _ALTERNATIVES.split(phrase) if (name := re.sub(r"['’]s?$", "", part).strip()))


@lru_cache(maxsize=100_000)
def fold(text: str) -> tuple[str, ...]:
    """Words of a name without accents, case and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN)) if not unicodedata.combining(c))
    return tuple(re.findall(r"\w+", plain))


@lru_cache(maxsize=100_000)
def _foldings(name: str) -> frozenset[tuple[str, ...]]:
    """A name as it may be typed: without accents, or with "ue" for "ü"."""
    return frozenset({fold(name), fold(unicodedata.normalize("NFC", name).casefold().translate(_GERMAN))})


def is_named(name: str, asked: str) -> bool:
    """Whether an author's name is the one asked for: each word of it occurs, or an initial in its place."""
    wanted = fold(asked)
    return bool(wanted) and any(all(_has(word, held) for word in wanted) for held in _foldings(name))


def _has(word: str, held: Sequence[str]) -> bool:
    return word in held or (len(word) == 1 and any(other.startswith(word) for other in held)) or "".join(held) == word


def is_venue(name: str, asked: str) -> bool:
    """Whether a venue is the one asked for: the words asked for stand in it, in order."""
    wanted, held = fold(asked), fold(name)
    return bool(wanted) and any(held[n : n + len(wanted)] == wanted for n in range(len(held)))


def apply(store: Store, constraints: Constraints) -> Allowed:
    """The entries that meet conditions on years, authors and venues.

    Args:
        store: the corpus.
        constraints: of a question.
    """
    ids: frozenset[str] | None = None
    stated: list[str] = []
    left_out: list[str] = []
    missing: list[str] = []
    rows = list(store.ledger.execute("SELECT id, author_names, venue_name, year FROM entries")) if _needs_records(constraints) else []
    if constraints.years or constraints.last:
        known = [year for *_, year in rows if year is not None]
        if not known:
            left_out.append("This corpus has no years, so the condition on them was left out.")
        else:
            newest = max(known)
            low, high = constraints.years or (newest - (constraints.last or 1) + 1, newest)
            kept = frozenset(id for id, *_, year in rows if year is not None and (low or -9999) <= year <= (high or 9999))
            ids = kept if ids is None else ids & kept
            stated.append(_years_in_words(low, high))
            if not kept:
                missing.append(f"No paper here is {_years_in_words(low, high)}; years go from {min(known)} to {newest}.")
    for asked, place, noun, matches in ((constraints.authors, 1, "author", is_named), (constraints.venues, 2, "venue", is_venue)):
        if not asked:
            continue
        held = Counter(name for row in rows for name in row[place].split("\n") if name)
        if not held:
            left_out.append(f"This corpus has no {noun}s, so “{' or '.join(asked)}” was left out.")
            continue
        fitting = {name for name in held if any(matches(name, one) for one in asked)}
        kept = frozenset(row[0] for row in rows if fitting.intersection(row[place].split("\n")))
        if noun == "venue" and not kept:
            # A word may be taken for a venue; what no record knows as one is none.
            left_out.append(f"No paper here has a venue “{' or '.join(asked)}”, so that was no condition.")
            continue
        ids = kept if ids is None else ids & kept
        stated.append(f"{'by' if noun == 'author' else 'in'} {' or '.join(asked)}")
        if not kept:
            near = near_names(" ".join(asked), held)
            also = f" Similar: {'; '.join(near)}." if near else ""
            missing.append(f"No paper here has an author “{' or '.join(asked)}”.{also}")
    if constraints.sort in ("latest", "oldest") and not any(year is not None for *_, year in rows):
        left_out.append("This corpus has no years, so nothing can be put in their order.")
    if constraints.sort == "most_cited":
        left_out.append("How often papers are cited, or how influential they are, is not known here.")
    return Allowed(ids, tuple(stated), tuple(left_out), tuple(missing))


def _needs_records(constraints: Constraints) -> bool:
    return bool(
        constraints.years or constraints.last or constraints.authors or constraints.venues or constraints.sort in ("latest", "oldest")
    )


def near_names(asked: str, names: Iterable[str] | Counter[str]) -> list[str]:
    """Names that come near the one asked for, with how many papers each has."""
    from rapidfuzz import fuzz, process

    counts = names if isinstance(names, Counter) else Counter(names)
    wanted = " ".join(fold(asked))
    found = process.extract(
        wanted, {name: " ".join(fold(name)) for name in counts}, scorer=fuzz.partial_ratio, limit=20, score_cutoff=_NEAR_NAME
    )
    order = sorted(found, key=lambda one: (-one[1], -counts[one[2]], one[2]))
    return [f"{_as_written(name)} ({counts[name]})" for _, _, name in order[:_MOST_NEAR]]


def _as_written(name: str) -> str:
    # The ledger keeps names for filters in lower case.
    return " ".join(part[:1].upper() + part[1:] for part in name.split(" "))


def _years_in_words(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"of {low}" if low == high else f"from {low} to {high}"
    return f"from {low} on" if low is not None else f"up to {high}"
