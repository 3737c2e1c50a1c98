"""Misspelt words of a question, looked up among the words of the corpus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from store.lexical import terms
from store.store import Store

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SHORTEST = 4
# From this length on two slips may be mended, and one is too many below.
_TWO_SLIPS = 7
_SURE_ONE, _SURE_TWO = 5, 8
# A misspelling may stand in abstracts too: the right word stands there so many times as often.
_TIMES_AS_OFTEN = 40
# Of two words equally near, the likelier stands so many times as often.
_CLEARLY = 4
_ENTRIES = 30
_NEIGHBOURS = 150
# Rare words are in many pieces.
_PIECES = 3


@dataclass(frozen=True, slots=True)
class Spelling:
    """A question with its misspelt words mended.

    Args:
        text: the question.
        corrections: (typed, meant) of the words that were replaced.
        suggestions: (typed, perhaps meant) of those that were left as they are.
    """

    text: str
    corrections: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[tuple[str, str], ...] = ()


def correct(store: Store, text: str, word_pieces: Callable[[str], list[int]], keep: Iterable[str] = ()) -> Spelling:
    """Mend the words that neither English nor the corpus knows.

    A word that BERT's vocabulary holds whole is English; capitalised words inside a sentence, abbreviations and words with digits are
    names and stay. The corpus's words are those of the entries whose terms are near (a Levenshtein automaton over the full-text index) and of those
    that are near the question by vectors.

    Args:
        store: the corpus.
        text: the question.
        word_pieces: a text's ids in BERT's vocabulary.
        keep: words that are left alone, such as authors' names.
    """
    kept = {word.lower() for word in keep}

    @cache
    def vocabulary() -> frozenset[str]:
        # The embedder has seen slips: what the whole question is near to holds the word that is meant, whatever its ending.
        near = store.vectors.query(store.embedder.embed_query(text), _NEIGHBOURS)
        return _words_of(store, list(dict.fromkeys(id for id, _ in near)))

    corrections: dict[str, str] = {}
    suggestions: dict[str, str] = {}
    for match in _WORD.finditer(text):
        word = match.group()
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        is_part = bool(before and before in "-_./@#0123456789") or bool(after and after in "-_/@0123456789")
        is_name = word[1:] != word[1:].lower() or (word[0].isupper() and match.start() > 0)
        if len(word) < _SHORTEST or is_part or is_name or word.lower() in kept or len(word_pieces(word.lower())) == 1:
            continue
        found = _nearest(store, word.lower(), word_pieces, vocabulary)
        if found is not None:
            meant, is_sure = found
            (corrections if is_sure else suggestions)[word] = meant if word.islower() else meant.capitalize()
    mended = _WORD.sub(lambda m: corrections.get(m.group(), m.group()), text)
    return Spelling(mended, tuple(corrections.items()), tuple(suggestions.items()))


def _nearest(
    store: Store, word: str, word_pieces: Callable[[str], list[int]], vocabulary: Callable[[], frozenset[str]]
) -> tuple[str, bool] | None:
    """The corpus's word nearest to one it does not hold, and whether it is surely meant; None where it holds it, or nothing is near."""
    from rapidfuzz.distance import DamerauLevenshtein

    stems = terms(word)
    if not stems:
        return None
    often = store.lexical.frequency(stems[0])
    slips = 2 if len(word) >= _TWO_SLIPS else 1
    found = []
    for other in vocabulary() | _words_of(store, store.lexical.near_ids(stems[0], slips, _ENTRIES)):
        distance = DamerauLevenshtein.distance(word, other, score_cutoff=slips)
        if distance > slips or not (other_stems := terms(other)):
            continue
        if other_stems[0] == stems[0]:
            # It is found as that word is.
            return None
        if distance:
            found.append((distance, -store.lexical.frequency(other_stems[0]), other))
    if not found:
        return None
    found.sort()
    distance, negative, best = found[0]
    stem = terms(best)[0]
    if often and -negative < _TIMES_AS_OFTEN * often:
        return None
    rivals = [-n for d, n, other in found[1:] if d == distance and terms(other)[0] != stem]
    is_clear = not rivals or -negative >= _CLEARLY * rivals[0]
    is_sure = is_clear and (
        (distance == 1 and len(word) >= _SURE_ONE) or (len(word) >= _SURE_TWO and word[0] == best[0] and len(word_pieces(best)) < _PIECES)
    )
    return best, is_sure


def _words_of(store: Store, ids: Sequence[str]) -> frozenset[str]:
    """All words of some entries, in lower case."""
    entries = store.ledger.entries(ids).values()
    return frozenset(word.lower() for entry in entries for word in _WORD.findall(f"{entry.title or ''} {entry.abstract}"))
