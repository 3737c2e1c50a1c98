"""A question as it goes through all stages: understood, embedded and weighed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.query.analyzer import Question, content_terms, facet_topic
from assistant.ranking.weights import idf_weights
from store.store import Store

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Query:
    """A question made ready to search with.

    Args:
        question: the question as understood.
        read: what the reader is asked: the question as typed, or a part of it.
        search_text: what is looked for.
        vector: its unit vector ``[d]``.
        idf: its content terms, each once, with their inverse document frequency, 0 to 1.
    """

    question: Question
    read: str
    search_text: str
    vector: Vector
    idf: Mapping[str, float]


def make_query(store: Store, question: Question, part: str | None = None) -> Query:
    """A question, or one part of it, ready for a store.

    Args:
        store: the corpus.
        question: the question as understood.
        part: one member of an enumeration, or one side of a comparison, to be looked for alone.
    """
    text = part or search_text(question)
    return Query(question, part or read_text(question), text, store.embedder.embed_query(text), idf_weights(store, content_terms(text)))


def read_text(question: Question) -> str:
    """What the reader is asked: the question, and of one that excludes something the topic alone."""
    is_cut = question.mode == "list" and question.constraints.exclude
    return f"Which papers are about {question.topic}?" if is_cut else question.text


def search_text(question: Question) -> str:
    """What to look for: a question's topic where it asks for papers."""
    return (facet_topic(question) or question.topic) if question.mode == "list" else question.text
