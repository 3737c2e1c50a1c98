"""What the query model tells of a question: names of its outputs, and a question's words."""

from __future__ import annotations

import re
from typing import NamedTuple

# What is wanted, by evals/data/query_labels.md.
KINDS = (
    "list", "count", "fact", "definition", "yesno", "compare", "twosided", "summary", "related", "metadata", "corpus", "assistant",
    "smalltalk", "other",
)  # fmt: skip
# What a word is part of: the topic searched for; what must not be; alternatives; what must be together; names; years that are conditions; sides.
TAGS = ("topic", "exclude", "any", "all", "author", "venue", "year", "sides")
SORTS = ("none", "latest", "oldest", "most_cited")
PAPER_TYPES = ("none", "survey", "dataset", "benchmark", "theory", "negative_result", "tutorial", "replication")
# What a question in a conversation refers to; ``none`` where it stands alone.
REFERENCES = ("none", "set", "paper", "topic", "answer")

_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"\w+(?:[-'’./+]\w+)*\+*|[^\w\s]")


class Word(NamedTuple):
    """A word or a punctuation mark of a text, and where it stands."""

    text: str
    start: int
    end: int


def without_surrogates(text: str) -> str:
    """A text in which halves of characters, which no tokenizer takes, are replaced, place for place."""
    return _SURROGATE.sub("\ufffd", text)


def split_words(text: str) -> list[Word]:
    """Words and punctuation marks of a text, in order."""
    return [Word(match.group(), match.start(), match.end()) for match in _WORD.finditer(text)]
