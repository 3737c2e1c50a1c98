"""A model's text to sentences with what they cite, however it chose to cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from assistant.answering.sources import Source
from store.sentences import split_sentences

_GROUP = re.compile(r"[\[(【]([^\[\]()【】]{1,120})[\])】]")
_LEAD = re.compile(r"\s*(?:[\[(【][^\[\]()【】]{1,120}[\])】][\s.,;]*)+")
_BREAKS = ".!?\n[(【 "
_ENDS = ".!?\"”’)'"
_OPENS = ("", "[", "(", "【")
_SPLIT = re.compile(r"[\s,;&|/]+")
_FILLER = {
    "source",
    "sources",
    "key",
    "keys",
    "ref",
    "refs",
    "reference",
    "references",
    "see",
    "and",
    "paper",
    "papers",
    "sentence",
    "sentences",
    "cf",
    "cite",
    "citation",
    "no",
}
_KEY = re.compile(r"^k[0-9a-f]{4,}$", re.IGNORECASE)
_PROSE_KEY = re.compile(
    r"(?:\b(?:according to|as (?:shown|stated|reported|described) (?:in|by)|based on|see|in|from|by|per)\s+)?(?:the\s+)?(?:(?:source|paper|sentence|key)s?\s+)?\b(k[0-9a-f]{4,8})\b,?",
    re.IGNORECASE,
)
_PROSE_NUMBER = re.compile(r"\b(?:according to\s+)?(?:sources?|papers?)\s+#?(\d{1,2})\b,?", re.IGNORECASE)
_MARKER = re.compile(r"^\s*[-*•#>]+\s*")
_NUMBERED = re.compile(r"^\s*\d{1,2}[.)]\s+")
_GLUED = re.compile(r"([.!?])([\[【(])")
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
# A reply without an end is cut here.
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence as a model wrote it.

    Args:
        text: without citation marks.
        cited: the sources it cites, in order.
        unknown: citations that name no source.
        finished: it ends as a sentence does.
    """

    text: str
    cited: tuple[Source, ...]
    unknown: tuple[str, ...]
    finished: bool = True


def drafts(pieces: Iterable[str], sources: Sequence[Source]) -> Iterator[Draft]:
    """Sentences as they are finished.

    Args:
        pieces: the model's text, in parts.
        sources: what it was shown.
    """
    text = ""
    done = 0
    for piece in pieces:
        text += piece
        if any(ch in _BREAKS for ch in piece):
            found = _sentences(text)
            # The last may go on, and what follows may be the citation of the one before.
            sure = len(found) - (2 if found[-1].lstrip()[:1] in _OPENS else 1)
            for sentence in found[done:sure]:
                yield from _read(sentence, sources)
            done = max(done, sure)
        if len(text) > MOST:
            break
    for sentence in _sentences(text)[done:]:
        yield from _read(sentence, sources)


def _sentences(text: str) -> list[str]:
    """Sentences, the last perhaps unfinished. A citation after a full stop goes with the sentence before it, unless that has one."""
    found: list[str] = []
    for raw in re.split(r"(?<=\n)", text):
        line = _GLUED.sub(r"\1 \2", _NUMBERED.sub("", raw))
        for span in split_sentences(line):
            part = line[span.start : span.end]
            lead = _LEAD.match(part)
            if found and lead and not _cites(found[-1]) and _cites(lead.group(0)):
                found[-1] += " " + lead.group(0).strip()
                part = part[lead.end() :]
            if part.strip():
                found.append(part)
    return found or [text]


def _cites(text: str) -> bool:
    return any(_tokens(match.group(1)) is not None for match in _GROUP.finditer(text))


def _tokens(inner: str) -> list[str] | None:
    """The keys and numbers of a bracket that holds nothing else, or None."""
    words = [word.strip(".:#^*") for word in _SPLIT.split(inner.strip())]
    named = [word for word in words if word]
    words = [word for word in named if word.lower() not in _FILLER]
    if not words and named and all(word.lower() in ("key", "keys", "source", "sources") for word in named):
        return []
    if words and all(_KEY.match(word) or re.fullmatch(r"\d{1,3}", word) or word.upper() == "KEY" for word in words):
        return words
    return None


def _read(text: str, sources: Sequence[Source]) -> Iterator[Draft]:
    by_key = {source.key.lower(): source for source in sources}
    cited: dict[str, Source] = {}
    unknown: list[str] = []

    def cite(word: str) -> None:
        if found := by_key.get(word.lower()):
            cited.setdefault(found.key, found)
        elif word.isdecimal() and (of_paper := [s for s in sources if s.number == int(word)]):
            cited.update({s.key: s for s in of_paper if s.key not in cited})
        else:
            unknown.append(word)

    def group(match: re.Match[str]) -> str:
        words = _tokens(match.group(1))
        said = match.group(1).strip().lower().startswith(("source", "key", "ref", "paper"))
        # A bare number in round brackets is a number.
        if words is None or (match.group(0)[0] == "(" and not said and all(word.isdecimal() for word in words)):
            return match.group(0)
        for word in words:
            cite(word)
        return " "

    def prose(match: re.Match[str]) -> str:
        cite(match.group(1))
        return " "

    bare = _GROUP.sub(group, _MARKER.sub("", _BOLD.sub(r"\2", text)))
    bare = _PROSE_NUMBER.sub(prose, _PROSE_KEY.sub(prose, bare))
    bare = re.sub(r"\s+([.,;:?!])", r"\1", " ".join(bare.split())).strip(" ,;")
    bare = re.sub(r"([.!?])(?:\s*[.,])+$", r"\1", bare)
    if any(ch.isalnum() for ch in bare):
        yield Draft(bare[:1].upper() + bare[1:], tuple(cited.values()), tuple(unknown), finished=bool(cited) or bare[-1] in _ENDS)
