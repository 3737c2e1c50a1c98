"""Questions made by a program, for a teacher to judge: topics that titles name, put as people put them, and sentences of abstracts as claims.

Nobody labelled them. They widen what a small reader learns of a teacher's opinion (Dai et al. 2022 and others train rerankers on
generated queries); what is measured is measured on questions that people wrote.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random

from store.lexical import terms
from store.sentences import split_sentences

TEMPLATES = (
    "{}", "{}", "{}?", "{} papers", "papers on {}", "anything on {}?", "Which papers study {}?", "which papers are about {}", "work on {}",
    "Is there any research on {}?", "What has been done on {}?", "I am looking for papers about {}.", "how many papers deal with {}?",
    "Who works on {}?", "recent approaches to {}", "Which papers propose methods for {}?", "literature about {}", "Find work that addresses {}.",
    "do any of the papers use {}?", "Which of these use {}?", "Are there studies that evaluate {}?", "references for {} please",
    "I need to cite something on {}", "What is known about {}?", "what is {}", "overview of {}", "Which papers report results on {}?",
    "Does anyone look at {}?", "show me everything on {}", "Which entries mention {}?", "problems with {}", "how is {} done?",
    "Which papers compare approaches to {}?", "theory of {}", "applications of {}", "Which papers introduce a dataset for {}?",
    "limits of {}", "can you point me to work on {}?", "why does {} work", "ways to improve {}",
)  # fmt: skip
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "how",
        "in",
        "into",
        "is",
        "it",
        "its",
        "not",
        "of",
        "on",
        "or",
        "over",
        "should",
        "that",
        "the",
        "their",
        "this",
        "through",
        "to",
        "toward",
        "towards",
        "under",
        "up",
        "using",
        "via",
        "vs",
        "we",
        "what",
        "when",
        "where",
        "which",
        "with",
        "without",
        "your",
        "you",
        "beyond",
        "learning-based",
        "based",
        "new",
        "novel",
        "approach",
        "study",
        "paper",
        "case",
    ]
)
_WORD = re.compile(r"[A-Za-z0-9][\w'/+-]*")
_BREAK = re.compile(r"[:;,.?!()\[\]\"–—]")
_OPENING = re.compile(
    r"^(?:(?:however|moreover|furthermore|in addition|specifically|in particular|finally|thus|therefore|additionally|experimentally),? )?"
    r"(?:(?:in this (?:paper|work|article),? )?we (?:also )?(?:show|find|demonstrate|prove|observe|argue) that |"
    r"(?:our )?(?:experimental |empirical )?(?:results|experiments|findings) (?:show|demonstrate|suggest|indicate) that )",
    re.IGNORECASE,
)  # fmt: skip
_MOST_WORDS = 4
_COMMON = 400
_CLAIM_WORDS = range(8, 32)
# Of the topics, how many are named together with the rest of their title.
_WHOLE_TITLE = 0.25


def title_phrases(title: str) -> list[str]:
    """Runs of words of a title between stop words and punctuation (Rose et al. 2010)."""
    found: list[str] = []
    for part in _BREAK.split(title):
        run: list[str] = []
        for word in [*_WORD.findall(part), "a"]:
            if word.lower() in _STOP:
                if run and len(run) <= _MOST_WORDS and terms(" ".join(run)):
                    found.append(" ".join(run))
                run = []
            else:
                run.append(word)
    return found


def topics(titles: Sequence[str], random: Random, count: int) -> Iterator[str]:
    """Questions about what titles name; phrases of more than :data:`_COMMON` titles are left out."""
    named = [title_phrases(title) for title in titles]
    often = Counter(phrase.lower() for phrase in chain.from_iterable(named))
    # Those that recur are topics; one that does not is taken with another of its title.
    order = random.sample(range(len(titles)), len(titles))
    seen: set[str] = set()
    for place in order:
        if len(seen) >= count:
            return
        phrases = [p for p in named[place] if often[p.lower()] <= _COMMON]
        recurring = [p for p in phrases if often[p.lower()] > 2 and (len(p.split()) > 1 or often[p.lower()] > 5)]
        if not phrases:
            continue
        if random.random() < _WHOLE_TITLE:
            topic = titles[place].split(":")[-1].strip().rstrip(".?")
        else:
            topic = random.choice(recurring or phrases)
            if topic not in recurring or random.random() < 0.2:
                other = random.choice(phrases)
                topic = topic if other == topic else f"{topic} {random.choice(('for', 'in', 'with', 'and'))} {other}"
        if topic.lower() not in seen and terms(topic):
            seen.add(topic.lower())
            yield random.choice(TEMPLATES).format(topic if random.random() < 0.2 else topic.lower())


def claims(abstracts: Sequence[str], random: Random, count: int) -> Iterator[str]:
    """Sentences of abstracts, without what opens them, some as questions."""
    for abstract in random.sample(abstracts, min(len(abstracts), count)):
        sentences = [abstract[s.start : s.end] for s in split_sentences(abstract)]
        sentences = [s for s in sentences if len(s.split()) in _CLAIM_WORDS]
        if sentences:
            claim = _OPENING.sub("", random.choice(sentences)).strip().rstrip(".")
            yield random.choice(("{}", "{}.", "is it true that {}?", "who shows that {}", "evidence that {}")).format(claim)
