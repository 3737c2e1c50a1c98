"""A question as it goes through all stages: understood, embedded and weighed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.query.analyzer import Kind, Question, analyze, content_terms, facet_topic
from assistant.query.kinds import kind_model
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


def understand(store: Store, text: str) -> Question:
    """A question as understood: its kind by the trained model, unless it names two sides of a comparison; the rest by its words.

    Args:
        store: the corpus; its embedder gives the vector where it is the one the model was trained with.
        text: as typed.

    Raises:
        QuestionError: it cannot be asked.
    """
    plain = analyze(text)
    if plain.sides:
        # Two things named and set against each other in as many words.
        return plain
    model = kind_model()
    vector = store.embedder.embed_query(plain.text) if store.embedder.name == model.embedder else None
    found = model.probabilities(plain.text, vector)
    best: Kind = max(found, key=lambda kind: found[kind])
    return analyze(text, best)


def make_query(store: Store, question: Question, part: str | None = None) -> Query:
    """A question, or one part of it, ready for a store.

    Args:
        store: the corpus.
        question: the question as understood.
        part: one member of an enumeration, or one side of a comparison, to be looked for alone.
    """
    text = part or search_text(question)
    return Query(question, part or question.text, text, store.embedder.embed_query(text), idf_weights(store, content_terms(text)))


def search_text(question: Question) -> str:
    """What to look for: a question's topic where it asks for papers."""
    return (facet_topic(question) or question.topic) if question.mode == "list" else question.text
