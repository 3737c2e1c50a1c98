"""From the words typed to a question as understood: spelling, kind, topic and conditions, each found once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from assistant.query.analyzer import Kind, Question, analyze, check, has_terms, stated_kind
from assistant.query.constraints import LONG, NO_CONSTRAINTS, Constraints, read_constraints
from assistant.query.model import QueryModel, Reading
from assistant.query.spelling import correct
from store.embed import shipped_embedder
from store.lexical import terms
from store.store import Store

# How each kind is answered; the kinds that are no questions about papers are answered without a search.
_MODES: Mapping[str, Kind] = {"list": "list", "related": "list", "count": "count", "compare": "compare"}
NOT_SEARCHED = ("corpus", "assistant", "smalltalk", "other")
# Taken for one of these only where the model is this sure.
_SURE = 0.6
_OF_A_TYPE = 0.5
# Words that all are stop words are still said to someone ("what can you do?").
_ADDRESSES = re.compile(r"\b(?:you|your|yourself|this|here)\b", re.IGNORECASE)
# Papers asked for in as many words, in a long question, are a list whatever the model says.
_PAPERS_ASKED = re.compile(r"\b(?:which|what|list all|find all) (?:of the |all )?(?:papers?|works?|studies|articles)\b", re.IGNORECASE)
_COUNT_ASKED = re.compile(r"\bhow many (?:of the )?(?:papers?|works?|studies|articles)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“„]([^\"“”„]+)[\"”“]")
_MOST_PARTS = 4
# Written as no word is: capitals or digits after the first letter.
_NAME = re.compile(r"(?:[A-Z][a-z]*(?:-?[A-Z0-9][A-Za-z0-9]*)+|[A-Z]{2,}(?:-\w+)*)(?<![A-Z]s)")
_RUN_ON = re.compile(
    r"\b(?:experiment\w*|evaluat\w*|train(?:ed|ing)? on|test(?:ed|ing)? on|tried on|benchmark\w*|results? on|report\w* on|uses?|using|used|mention\w*|tied to|data ?sets?)\b",
    re.IGNORECASE,
)
_USED = frozenset(
    term
    for word in [
        "experiment",
        "experiments",
        "experimental",
        "dataset",
        "datasets",
        "data",
        "set",
        "sets",
        "results",
        "result",
        "evaluate",
        "evaluated",
        "evaluation",
        "use",
        "uses",
        "using",
        "used",
        "run",
        "train",
        "trained",
        "training",
        "test",
        "tested",
        "testing",
        "benchmark",
        "benchmarks",
        "report",
        "reports",
        "compare",
        "work",
        "papers",
        "images",
        "examples",
        "tasks",
        "digits",
        "based",
        "on",
        "mention",
        "mentions",
    ]
    for term in terms(word)
)
_LEADING = re.compile(
    r"^(?:(?:of|on|about|for|in|with|that|which|by|to|from|and|or|but|not|the|an?|any|some|all|since|before|after|between|without|using|"
    r"other|than|except|excluding)\s+)+",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"(?:\s+(?:of|on|about|for|in|with|that|which|who|by|to|from|and|or|but|not|the|an?|any|some|all|since|before|after|between|without|using|"
    r"other|than|except|excluding|do|does|is|are|were|was|no|published|newer|older|pls|please))+$",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def word_pieces() -> Callable[[str], list[int]]:
    """Word pieces by BERT's vocabulary."""
    return shipped_embedder().word_pieces


@lru_cache(maxsize=1)
def query_model() -> QueryModel:
    """The query model that is shipped."""
    return QueryModel(word_pieces())


def understand(store: Store, text: str) -> Question:
    """A question as understood.

    Args:
        store: the corpus, whose words misspelt ones are looked up among.
        text: as typed; wholly in quotation marks it is taken word by word: nothing is corrected, and nothing in it is a condition.

    Raises:
        QuestionError: it cannot be asked.
    """
    typed = check(text, needs_terms=False)
    model = query_model()
    if match := _QUOTED.fullmatch(typed):
        inner = check(match[1])
        return replace(_question(inner, model.read(inner), Constraints()), typed=typed)
    reading = model.read(typed)
    kind = wanted_kind(reading)
    if (
        kind in NOT_SEARCHED
        and _question(typed, reading, NO_CONSTRAINTS).wants in NOT_SEARCHED
        and (has_terms(typed) or _ADDRESSES.search(typed))
    ):
        return replace(_question(typed, reading, read_constraints(typed, reading)), typed=typed)
    check(typed)
    names = [word for phrase in reading.phrases("author", typed) for word in phrase.split()]
    spelling = correct(store, typed, word_pieces(), names)
    if spelling.corrections:
        reading = model.read(spelling.text)
    question = _question(spelling.text, reading, read_constraints(spelling.text, reading))
    return replace(question, typed=typed, corrections=spelling.corrections, suggestions=spelling.suggestions)


def _question(text: str, reading: Reading, constraints: Constraints) -> Question:
    wants = wanted_kind(reading)
    if wants == "corpus" and (reading.paper_types["none"] < _OF_A_TYPE or analyze(text, "list").facet):
        # "Which entries are surveys?" wants them.
        wants = "list"
    by_record = bool(constraints.authors or constraints.venues or constraints.years or constraints.last or constraints.sort != "none")
    if (constraints.authors and wants in ("metadata", "related")) or (wants == "corpus" and constraints.sort != "none"):
        # "What did X write?" wants papers.
        wants = "list"
    is_long = len(reading.words) > LONG
    if is_long:
        # Alternatives and things wanted together are left to the reader.
        constraints = replace(constraints, any_of=(), all_of=())
        if wants in ("fact", "compare", "yesno", "definition", "twosided", "list"):
            wants = "count" if _COUNT_ASKED.search(text) else "list" if _PAPERS_ASKED.search(text) else wants
    # Two things named and set against each other in as many words are a comparison.
    is_compared = wants not in NOT_SEARCHED and bool(analyze(text, "compare").sides) and stated_kind(text) == "compare"
    kind: Kind = "compare" if is_compared else _MODES.get(wants, "answer")
    question = analyze(text, kind)
    if question.mode == "list":
        topic = topic_of(text, reading, constraints)
        # Without conditions to take off, what opens a request is all that is.
        if _RUN_ON.search(text) and (name := lone_name(topic or question.topic)) and not constraints.any_of:
            # A data set or a system is in a paper or is not: its name is counted.
            topic = name
            question = replace(question, mentions=True, topic=name)
        is_cut = bool(topic) and bool(constraints)
        question = replace(question, topic=topic if is_cut else question.topic, is_topicless=not topic and by_record)
    if question.parts and constraints.all_of:
        # Three things or more, with commas, are rarely wanted in one paper.
        constraints = replace(constraints, all_of=())
    if len(constraints.any_of) > 1 and question.mode == "list":
        question = replace(question, parts=alternatives(question.topic, constraints.any_of[:_MOST_PARTS]))
    return replace(question, wants=wants, constraints=constraints)


def wanted_kind(reading: Reading) -> str:
    """What a question wants; one of the kinds whose answer is no search only where that is sure."""
    special = (*NOT_SEARCHED, "metadata")
    if reading.kind not in special or reading.kinds[reading.kind] >= _SURE:
        return reading.kind
    return max((kind for kind in reading.kinds if kind not in special), key=lambda kind: reading.kinds[kind])


def lone_name(topic: str) -> str:
    """The one name, such as MNIST or GPT-4, that a topic comes to besides words for using it; empty where it is more than that."""
    words = [word for word in topic.split() if terms(word)]
    names = [word.strip(",.;:?!()") for word in words if _NAME.fullmatch(word.strip(",.;:?!()"))]
    rest = [word for word in words if word.strip(",.;:?!()") not in names and not set(terms(word)) <= _USED]
    return names[0] if len(set(names)) == 1 and not rest else ""


def topic_of(text: str, reading: Reading, constraints: Constraints) -> str:
    """What to search for: the words that are part of the topic, without those of conditions."""
    words = reading.words
    topic = set(reading.tagged("topic"))
    for tag in ("exclude", "author", "venue", "year"):
        topic -= set(reading.tagged(tag))
    if not topic:
        return ""
    # What stands between two words of the topic belongs to it, unless it is a condition.
    conditions = {place for tag in ("exclude", "author", "venue", "year") for place in reading.tagged(tag)}
    kept, last = [], None
    for place in sorted(topic):
        if last is not None and place - last <= 3:
            kept += [n for n in range(last + 1, place) if n not in conditions]
        kept.append(place)
        last = place
    parts: list[str] = []
    for before, place in zip([None, *kept], kept, strict=False):
        gap = before is not None and text[words[before].end : words[place].start] == "" and place == before + 1
        parts.append(words[place].text if gap or not parts else f" {words[place].text}")
    topic_text = _TRAILING.sub("", _LEADING.sub("", "".join(parts))).strip(" ,;:.?!-")
    return topic_text if terms(topic_text) else ""


def alternatives(topic: str, any_of: tuple[str, ...]) -> tuple[str, ...]:
    """The topic once for each of the alternatives in it."""
    found = []
    for chosen in any_of:
        rest = topic
        for other in any_of:
            if other != chosen:
                rest = re.sub(
                    rf"(?:\s*(?:,|/|\bor\b|\band\b|\beither\b))*\s*(?<!\w){re.escape(other)}(?!\w)(?:\s*(?:,|/|\bor\b))*",
                    " ",
                    rest,
                    flags=re.IGNORECASE,
                )
        rest = " ".join(re.sub(r"^\s*(?:or|and|either)\b|\b(?:or|and|either)\s*$", " ", rest, flags=re.IGNORECASE).split())
        if not set(terms(chosen)) & set(terms(rest)):
            rest = f"{rest} {chosen}".strip()
        found.append(rest)
    return tuple(dict.fromkeys(found))
