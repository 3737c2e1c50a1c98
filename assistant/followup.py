"""Questions that lean on those before them, rewritten to stand alone. Rules on words; nothing is looked up and no model is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.query.analyzer import Mode, analyze, content_terms, subquestions
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
    r"^(?:and |but |ok(?:ay)?,? |so )*(?:what|how) about\s+(.+?)\??$|^(?:and|or) (?:for|in|on|with|of)\s+(.+?)\??$", re.IGNORECASE
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
_OPENS = re.compile(
    r"^(?:and|but|or|also|then|so|why|how so|how|really|what else|anything else|any others?|more|else|(?:is|are) there (?:anything|anyone else|others?|more))\b",
    re.IGNORECASE,
)
_DEFINITE = re.compile(r"\b(?:is|are|was|were|do|does|did|has|have|by|of|in|on|for|with) the \w", re.IGNORECASE)
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
_CITED = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was asked before.

    Args:
        question: as it was understood.
        mode: of its answer.
        cited: titles of what its answer cites, in order of citation.
        text: its answer.
        asked: as it was typed.
    """

    question: str
    mode: Mode
    cited: tuple[str, ...] = ()
    text: str = ""
    asked: str = ""


def understood(text: str, turns: Sequence[Turn]) -> str:
    """A question that stands alone.

    "The second one" and "[2]" become the title of what the last answer cites there; "what about X" becomes the last question asked of X; "it" and "they" become what the last
    question was about, or the paper its answer cites first; a question with hardly a word of its own gets the last topic beside it.

    Args:
        text: as typed.
        turns: what was asked before, oldest first.

    Returns:
        The question; as typed where it stands alone or nothing was asked before.
    """
    question = " ".join(text.split())
    if not turns or not question:
        return question
    last = turns[-1]
    rewritten, named = _with_titles(question, last)
    if match := _ABOUT.match(rewritten):
        return _asked_of((match[1] or match[2]).strip(), last)
    # What a question names itself, its pronouns mean, unless it only opens a new one.
    leans = _THEM.search(rewritten) or _ITS.search(rewritten)
    leans = leans or _WHICH_OF.match(rewritten)
    if leans and not named and not _names_itself(rewritten, leans.start()):
        return _with_subject(rewritten, last)
    if not named and len(set(content_terms(question))) <= _SHORT and (_OPENS.match(question) or _DEFINITE.search(question)):
        return f"{rewritten.rstrip('?. ')} ({_topic(last)})?"
    return rewritten


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


def _with_subject(question: str, last: Turn) -> str:
    many = _MANY.search(question) is not None
    if last.mode == "list":
        subject = _topic(last)
        if _WHICH_OF.match(question):
            return _WHICH_OF.sub(f"which papers on {subject}", question)
    else:
        # In quotation marks a title stands for the paper itself, which others are asked of here.
        others = _OTHERS.search(question) is not None
        titles = [title.split(":")[0] if others else f'"{title}"' for title in last.cited[: _CITED if many else 1]]
        subject = " and ".join(titles) or _topic(last)
    owned = _ITS.sub(lambda _: f"{subject}'s", question, count=1)
    if owned != question:
        return owned

    def replaced(match: re.Match[str]) -> str:
        lead = _PREPOSITION.match(match.group(0))
        return f"{lead.group(0) if lead else ''}{subject}"

    return _THEM.sub(replaced, question, count=1)


def _asked_of(other: str, last: Turn) -> str:
    if last.mode == "list":
        return f"which papers are about {other}?"
    if quoted := re.search(r'"[^"]+"', last.question):
        return last.question.replace(quoted.group(0), other)
    if named := names(last.question):
        return last.question.replace(named[0], other)
    return f"{other}: {last.question}"


def _topic(last: Turn) -> str:
    try:
        question = analyze(last.question)
    except QuestionError:
        return last.question
    return question.topic.rstrip("?. ") if question.mode == "list" else last.question.rstrip("?. ")
