"""Questions that lean on those before them, rewritten to stand alone.

Whether a question leans on what was said, and on what, the query model decides; the words are then put in by rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.query.analyzer import QUESTION_WORD, Mode, analyze, content_terms, subquestions
from assistant.query.constraints import Constraints
from assistant.query.model import Reading, context_of
from assistant.query.understanding import NOT_SEARCHED, query_model, topic_of, wanted_kind
from assistant.verify.names import names
from store.errors import QuestionError

_ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "last": -1,
    "latter": -1,
    "former": 1,
}
_NOUN = r"(?:papers?|ones?|stud(?:y|ies)|works?|articles?|entr(?:y|ies)|results?|methods?|approach(?:es)?|models?|authors?|abstracts?)"
_NTH = re.compile(rf"\b(?:the )?({'|'.join(_ORDINALS)})(?: {_NOUN})?\b(?! \w+ (?:to|that))", re.IGNORECASE)
_NUMBERED = re.compile(rf"\[(\d{{1,2}})\]|\b(?:{_NOUN}|number|source|no\.?) #?(\d{{1,2}})\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"^(?:and |but |ok(?:ay)?,? |so )*(?:what|how) about\s+(.+?)\??$|^(?:and|or) (?:for|in|on|with|of)\s+(.+?)\??$"
    r"|^(?:same|likewise)(?: (?:thing|question|but|again))*,? (?:but )?(?:for|in|on|with|of)\s+(.+?)\??$|^(?:and|or)\s+((?:[^\s\[]\S*\s*){1,5}?)\??$",
    re.IGNORECASE,
)
_ITS = re.compile(rf"\b(?:its|their|his|her)\b|\b(?:the|this|that|these|those|both|such)\s+(?:same\s+)?{_NOUN}['’]s?(?=\s)", re.IGNORECASE)
_THEM = re.compile(
    rf"\b(?:(?:of|in|by|from|between|among|with|to|for|on|about|do|does|did|is|are|was|were|can|could|would|will|has|have|had)\s+)?(?:they|them|it|he|she)\b"
    rf"|\b(?:this|that|these|those|both|the same|such)\s+{_NOUN}\b|\bthe (?:paper|authors?|study|article|entry|work)\b|\b(?:this|that|these|those)\b(?=\s*(?:[?,;.]|$|(?:for|in|on|and|or|but|with|at|to|from|by)\b|is\b|are\b|was\b|were\b|work\b|help\b|mean\b))",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"^(?:of|in|by|from|between|among|with|to|for|on|about|do|does|did|is|are|was|were|can|could|would|will|has|have|had)\s+", re.IGNORECASE
)
_MANY = re.compile(r"\b(?:they|them|these|those|their|both|which of)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:because|if|when|whether|although|while|since|so that|so|which|as|after|before|and)\b|[,;]", re.IGNORECASE)
_OTHERS = re.compile(
    r"\b(?:versions?|variants?|extensions?|alternatives?|else|anyone|anybody|someone|others?|another|push(?:ed)? back|critici\w+|contradict\w*|disagree\w*|follow\w* up|build\w* on|similar)\b",
    re.IGNORECASE,
)
_WHICH_OF = re.compile(
    r"^which (?:ones? )?of (?:them|these|those)\b|^which ones?\b|^(?:do|does|did|are|is|was|were|have|has|had|can) (?:any|some|one|all)(?: ones?)? of (?:them|these|those)\b",
    re.IGNORECASE,
)
_SHORT = 2
_LAST_PHRASE = re.compile(r"\b(?:in|for|of|on|with|from|using) ((?:(?!\b(?:in|for|of|on|with|from|using)\b).)+)$", re.IGNORECASE)
# Least probability with which a question is left alone. Chosen on half of hand f of evals/data/conversations.jsonl.
ALONE = 0.5
PERHAPS_ALONE, HARDLY_ALONE = 0.2, 0.01
_MORE = re.compile(
    r"^(?:(?:any|some|show(?: me)?|give me|are there|is there|got|and|ok|anything|list|find|what|who)[ ,]*)*(?:any |some )?(?:more|others?|else|the rest|next)"
    r"(?: (?:papers?|ones?|like (?:this|these|that)|of (?:them|these|those)|please|on (?:this|that|it)|results?|are there))*[?.! ]*$",
    re.IGNORECASE,
)
_LEANS = re.compile(r"^(?:and |but |ok(?:ay)?,? |so )*(?:what|how) about\b|^why\W*$", re.IGNORECASE)
_WHY = re.compile(r"^(?:but |and |ok |so )*(?:why|how so|how come|why (?:is|does) (?:that|it)(?: so)?|really)\b[?. ]*$", re.IGNORECASE)
_ASKED_WHETHER = re.compile(r"^(?:do|does|did|is|are|was|were|can|could|should|will|would|has|have)\b", re.IGNORECASE)
_JOINS = re.compile(r"^(?:(?:and|but|or|ok(?:ay)?|so|now|also|then|hmm|oh)\b[ ,]*)+", re.IGNORECASE)
_IN_PLACE = re.compile(
    r"^(?:and |but |or |ok(?:ay)?,? |so )*(?:what about |how about |same (?:thing |question )?(?:but )?)?((?:for|in|on|with|of|without|after|before|since|by|from|to|w/|only|using)\b.*)",
    re.IGNORECASE,
)
# "which of them", "do these", "the two": the papers just listed.
_SET_OF = re.compile(
    r"(\b(?:which|any|one|ones|some|all|none|most|each|how many|either|both|two|three) )(?:ones? )?of (?:them|these|those|the (?:papers|above|list))\b",
    re.IGNORECASE,
)
_SET = re.compile(
    rf"\b(?:(?:both|all|the) (?:of )?)?(?:them|they|these|those|the (?:two|three|four|above))(?: (?:two|three|four))?(?: {_NOUN})?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was asked before.

    Args:
        question: as it was understood.
        mode: of its answer.
        cited: titles of what its answer cites, in order of citation.
        text: its answer.
        asked: as it was typed.
        ids: of the entries its answer cites, in the order of ``cited``.
    """

    question: str
    mode: Mode
    cited: tuple[str, ...] = ()
    text: str = ""
    asked: str = ""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question that stands alone.

    Args:
        text: the question.
        within: ids of the papers it is asked of; None for all.
        without: ids of papers that were shown already and are not to be shown again.
    """

    text: str
    within: frozenset[str] | None = None
    without: frozenset[str] = frozenset()


def rewrite_standalone(text: str, turns: Sequence[Turn]) -> Standalone:
    """A question that stands alone, by the query model and the words of what was said before.

    Args:
        text: as typed.
        turns: what was asked before, oldest first.

    Returns:
        The question; as typed where it stands alone or nothing was asked before.
    """
    question = " ".join(text.split())
    if not turns or not any(c.isalnum() for c in question):
        return Standalone(question)
    last = turns[-1]
    reading = query_model().read(question, context_of([turn.asked or turn.question for turn in turns], last.cited))
    reference = refers_to(reading)
    if reference == "none" and not _LEANS.match(question):
        return Standalone(question)
    # Greetings and questions about the corpus or the program lean on nothing, nor do whole questions that point at nothing.
    alone = reading.references["none"]
    if alone >= PERHAPS_ALONE and wanted_kind(query_model().read(question)) in NOT_SEARCHED:
        return Standalone(question)
    if alone >= HARDLY_ALONE and is_whole(question):
        return Standalone(question)
    if _MORE.match(question):
        return Standalone(last.question, without=frozenset(id for turn in turns for id in turn.ids if turn.question == last.question))
    if reference in ("set", "paper") and (reference == "set" or _MANY.search(question)):
        # The papers last listed, though a single one may have been spoken of since.
        listed = next((turn for turn in reversed(turns) if len(turn.ids) > 1), last)
        if len(listed.ids) > 1:
            return Standalone(_of_the_set(question, listed), frozenset(listed.ids))
    if (reference == "answer" or _WHY.match(question)) and (why := _why(question, last)):
        return Standalone(why)
    # What an answer's "its" belongs to is the paper that the answer quotes.
    if (reference == "paper" or (reference == "answer" and _ITS.search(question))) and (named := _paper_meant(question, last)):
        return Standalone(named)
    return Standalone(_on_the_topic(question, last))


def is_whole(question: str) -> bool:
    """Whether a text is a whole question of two words of its own or more in which nothing points to what was said."""
    points = any(p.search(question) for p in (_THEM, _ITS, _SET, _NTH, _NUMBERED, _OTHERS)) or any(
        p.match(question) for p in (_ABOUT, _MORE, _IN_PLACE, _WHICH_OF, _JOINS)
    )
    return not points and QUESTION_WORD.match(question) is not None and len(set(content_terms(question))) >= _SHORT


def refers_to(reading: Reading) -> str:
    """What a question leans on, of :data:`assistant.query.labels.REFERENCES`."""
    if reading.references["none"] >= ALONE:
        return "none"
    return max((name for name in reading.references if name != "none"), key=lambda name: reading.references[name])


def _of_the_set(question: str, last: Turn) -> str:
    """A question about the papers just listed, with their topic in place of the pronoun."""
    rewritten, named = _with_titles(question, last)
    if named:
        return rewritten
    subject = f"the papers on {_topic(last)}"
    if _SET_OF.search(rewritten):
        return _SET_OF.sub(lambda m: f"{m[1]}of {subject}", rewritten, count=1)
    if _SET.search(rewritten):
        # A topic may hold backslashes, which a replacement would read.
        return _SET.sub(lambda _: subject, rewritten, count=1)
    return f"{rewritten.rstrip('?. ')}, of {subject}"


def _why(question: str, last: Turn) -> str | None:
    """ "Why?" after a question that can be asked why of."""
    if len(content_terms(question)) > _SHORT or ((_THEM.search(question) or _ITS.search(question)) and not _WHY.match(question)):
        return None
    match = _ASKED_WHETHER.match(last.question)
    if match:
        return f"{'how' if question.lower().startswith('how') else 'why'} {last.question[:1].lower()}{last.question[1:]}"
    return f"{question.rstrip('?. ')}: {last.question}"


def _paper_meant(question: str, last: Turn) -> str | None:
    """A question about one of the papers cited, with its title; the one whose number, place or words it names, else the first."""
    rewritten, named = _with_titles(question, last)
    if named or not last.cited:
        return rewritten if named else None
    asked = set(content_terms(question))
    common = set.intersection(*(set(content_terms(title)) for title in last.cited)) if len(last.cited) > 1 else set()
    shares = [len(asked & (set(content_terms(title)) - common)) for title in last.cited]
    best = max(range(len(shares)), key=lambda n: (shares[n], -n))
    if last.mode == "list" and len(last.cited) > 1 and not shares[best]:
        # After a list "it" is what the list is about.
        return None
    title = f'"{last.cited[best]}"'
    if owned := _ITS.search(rewritten):
        return f"{rewritten[: owned.start()]}{title}'s{rewritten[owned.end() :]}"
    if match := _THEM.search(rewritten):
        lead = _PREPOSITION.match(match.group(0))
        return f"{rewritten[: match.start()]}{lead.group(0) if lead else ''}{title}{rewritten[match.end() :]}"
    return f"{rewritten.rstrip('?. ')}, of {title}"


def _on_the_topic(question: str, last: Turn) -> str:
    """The last question asked of something else, or the last topic narrowed or looked at from another side."""
    rewritten, named = _with_titles(question, last)
    if named:
        return rewritten
    topic = _topic(last)
    if match := _IN_PLACE.match(question):
        return _with_phrase(last.question, match[1].rstrip("?. "))
    if match := _ABOUT.match(question):
        rest = next(group for group in match.groups() if group).strip()
        return _asked_of(rest, last) if last.mode != "list" else _list_of(rest, topic)
    for pattern in (_ITS, _SET, _THEM):
        if (match := pattern.search(question)) and not _names_itself(question, match.start()):
            lead = _PREPOSITION.match(match.group(0))
            owner = "'s" if pattern is _ITS else ""
            subject = f"the papers on {topic}" if last.mode == "list" and _MANY.search(match.group(0)) else topic
            return f"{question[: match.start()]}{lead.group(0) if lead else ''}{subject}{owner}{question[match.end() :]}"
    return f"{topic}: {_JOINS.sub('', question)}"


def _list_of(other: str, topic: str) -> str:
    """The papers on a topic with something else in it: in place of where it is looked at ("in wheat"), else of all of a short topic."""
    if match := _LAST_PHRASE.search(topic):
        return f"{topic[: match.start(1)]}{other}"
    return f"which papers are about {other}?" if len(set(content_terms(topic))) <= _SHORT else f"{topic}: {other}"


def _with_phrase(question: str, phrase: str) -> str:
    """A question with a prepositional phrase at its end, in place of the last one that begins alike."""
    whole = question.rstrip("?. ")
    place = whole.lower().rfind(f" {phrase.split()[0].lower()} ")
    kept = whole[:place] if place > 0 and len(content_terms(whole[:place])) > 0 else whole
    return f"{kept} {phrase}?"


def _with_titles(question: str, last: Turn) -> tuple[str, bool]:
    """The question with titles for "[2]" and "the second one"."""
    named = False

    def title(place: int) -> str | None:
        nonlocal named
        place = place - 1 if place > 0 else len(last.cited) + place
        if not 0 <= place < len(last.cited):
            return None
        named = True
        return f'"{last.cited[place]}"'

    question = _NUMBERED.sub(lambda m: title(int(m[1] or m[2])) or m.group(0), question)
    if len(last.cited) > 1 and not named:
        question = _NTH.sub(lambda m: title(_ORDINALS[m[1].lower()]) or m.group(0), question, count=2)
    return question, named


def _names_itself(question: str, at: int) -> bool:
    """Whether a pronoun stands in a clause of its own after one that names enough for it to mean."""
    parts = subquestions(question)
    before = (
        parts[0] if parts and at >= len(parts[0]) else next(iter(_CLAUSE.split(question[:at])), "") if _CLAUSE.search(question[:at]) else ""
    )
    return len(set(content_terms(before))) >= _SHORT and not (_THEM.search(before) or _ITS.search(before)) if before.strip() else False


def _asked_of(other: str, last: Turn) -> str:
    if last.mode == "list":
        return f"which papers are about {other}?"
    if quoted := re.search(r'"[^"]+"', last.question):
        return last.question.replace(quoted.group(0), other)
    if named := names(last.question):
        return last.question.replace(named[0], other)
    return f"{other}: {last.question}"


@lru_cache(maxsize=256)
def _topic_of(question: str) -> str:
    try:
        reading = query_model().read(question)
        return topic_of(question, reading, Constraints()) or analyze(question).topic.rstrip("?. ")
    except QuestionError:
        return question


def _topic(last: Turn) -> str:
    return _topic_of(last.question)
