"""What a group of papers is about, in phrases of their own that set it apart from other groups."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from store.lexical import word_terms
from store.types import Entry

_WORD = re.compile(r"[^\W_]+(?:[-'’+][^\W_]+)*")
_PARTS = re.compile(r"[.,;:!?()\[\]{}\"“”«»/|=<>$\\]|\s[-–—]\s|\s")
_LONGEST = 3
_LISTS = files("assistant").joinpath("topics", "words.txt").read_text(encoding="utf-8").split("\n\n")
_BREAKS, _WEAK = (frozenset(" ".join(line for line in part.splitlines() if not line.startswith("#")).split()) for part in _LISTS)
# A phrase's last word must be a noun: no such ending, and mostly followed by a mark or one of these words, as nouns are and verbs and adjectives are not.
_NO_NOUN = re.compile(
    r"(?:ly|ive|ous|able|ible|ful|less|ary|ic|ical|ial|ional|ed|ised|ized|ary|er than|wise|more|most|-(?:efficient|aware|based|free|driven|wise|level|specific|agnostic|dependent|invariant|peer|and|or))$",
    re.IGNORECASE,
)
_AFTER_NOUN = frozenset(
    ["of", "is", "are", "in", "for", "via", "and", "or", "by", "with", "from", "can", "which", "as", "was", "were", "has", "have"]
)
_NOUN = 0.5
_TITLED = 1.5
_SEVERAL_WORDS = 1.5


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as it is written most often, with its stems, the papers that hold it, and those that have it in their title."""

    text: str
    stems: tuple[str, ...]
    papers: frozenset[str]
    titled: frozenset[str]


def phrases(entries: Iterable[Entry], nouns: float = _NOUN) -> list[Phrase]:
    """Phrases of one to three words that stand in titles and abstracts.

    Args:
        entries: the papers.
        nouns: how often, of all its places, a phrase's last word must be followed by what follows nouns, 0 to 1.
    """
    forms: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    titled: dict[tuple[str, ...], set[str]] = defaultdict(set)
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for entry in entries:
        for in_title, text in ((True, entry.title or ""), (False, entry.abstract)):
            for run, last in _runs(text):
                seen.update(word_terms(word)[-1] for word in run)
                ends[word_terms(run[-1])[-1]] += last
                for size in range(1, _LONGEST + 1):
                    for at in range(len(run) - size + 1):
                        words = run[at : at + size]
                        stems = tuple(stem for word in words for stem in word_terms(word))
                        forms[stems][" ".join(words)] += 1
                        holders[stems].add(entry.id)
                        if in_title:
                            titled[stems].add(entry.id)
    return [
        Phrase(text, stems, frozenset(ids), frozenset(titled[stems]))
        for stems, ids in holders.items()
        if ends[stems[-1]] >= nouns * seen[stems[-1]]
        and not _NO_NOUN.search(text := _form(forms[stems]))
        and any(word.lower() not in _WEAK for word in text.split())
    ]


def _runs(text: str) -> list[tuple[list[str], bool]]:
    """Stretches of words that no stop word, verb or mark parts, and whether what follows each is what follows a noun."""
    runs: list[tuple[list[str], bool]] = []
    run: list[str] = []
    for piece in [*_PARTS.split(text), ""]:
        word = _WORD.fullmatch(piece)
        if word is None or not piece[0].isalpha() or len(piece) < 2 or piece.lower() in _BREAKS or not word_terms(piece):
            if run:
                runs.append((run, word is None or piece.lower() in _AFTER_NOUN))
                run = []
            continue
        run.append(piece)
    return runs


def _form(forms: Counter[str]) -> str:
    """The commonest way to write a phrase; capitals that only a title or the start of a sentence gave go."""
    plain: Counter[str] = Counter()
    for form, count in forms.items():
        plain[form if any(_is_name(word) for word in form.split()) else form.lower()] += count
    best = max(plain.items(), key=lambda x: (x[1], x[0]))[0]
    lower = best.lower()
    return lower if plain.get(lower, 0) * 3 >= plain[best] else best


def _is_name(word: str) -> bool:
    return any(ch.isupper() for ch in word[1:]) or any(ch.isdigit() for ch in word)


def telling(
    candidates: Sequence[Phrase],
    group: Collection[str],
    others: Collection[str],
    rarity: Callable[[str], float],
    without: Collection[str] = (),
) -> list[tuple[float, Phrase]]:
    """Phrases that set a group apart, best first.

    The share of the group's papers that hold a phrase, less that of the others, times how rare its words are in the corpus: class-based TF-IDF (Grootendorst 2022,
    BERTopic) on document frequencies.

    Args:
        candidates: from :func:`phrases`.
        group: ids of the group's papers.
        others: ids of the papers it is set apart from.
        rarity: of a stem in the corpus, 0 to 1.
        without: stems that every group shares, as those of the topic: a phrase needs one besides.
    """
    inside, outside = set(group), set(others) - set(group)
    shared = set(without)
    found = []
    for phrase in candidates:
        held = len(phrase.papers & inside)
        if held < min(2, len(inside)) or not set(phrase.stems) - shared:
            continue
        share = held / len(inside)
        contrast = share - len(phrase.papers & outside) / max(1, len(outside))
        rare = sum(map(rarity, phrase.stems)) / len(phrase.stems)
        title = len(phrase.titled & inside) / len(inside)
        # More than one word tells more, and so does a phrase that more papers hold, in their titles above all.
        weight = contrast * rare * (1 + _SEVERAL_WORDS * (len(phrase.stems) > 1) + _TITLED * title) * math.log2(1 + held)
        if weight > 0:
            found.append((weight, phrase))
    return sorted(found, key=lambda x: (-x[0], x[1].text))


def distinct_phrases(ranked: Sequence[tuple[float, Phrase]], count: int, least: float = 0.0) -> list[Phrase]:
    """The best phrases, none of which shares a stem with a better one or stands in much the same papers.

    Args:
        ranked: from :func:`telling`.
        count: how many.
        least: share of the best one's weight that the others need.
    """
    kept: list[Phrase] = []
    for weight, phrase in ranked:
        if len(kept) == count or weight < least * ranked[0][0]:
            break
        apart = all(len(phrase.papers & other.papers) <= len(phrase.papers) / 2 for other in kept)
        if apart and not any(set(phrase.stems) & set(other.stems) for other in kept):
            kept.append(phrase)
    return kept
