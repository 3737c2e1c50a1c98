"""What kind of question it is, in phrasings that are not those of any labelled set."""

from __future__ import annotations

import pytest

from assistant.query.analyzer import analyze
from store.errors import QuestionError


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("What work is there on diffusion models?", "diffusion models"),
        ("show me all papers about protein folding", "protein folding"),
        ("Is there anything here on causal inference?", "causal inference"),
        ("speech recognition papers", "speech recognition"),
        ("list work on active learning", "active learning"),
        ("graph transformers", "graph transformers"),
        ("Any studies that use contrastive learning?", "contrastive learning"),
        ("reinforcement learning: which papers?", "reinforcement learning"),
        ("Could you please point me to some recent work that investigates protein folding?", "protein folding"),
        ("I'm looking for a study on data poisoning", "data poisoning"),
        ("Where can I find research on causal abstraction?", "causal abstraction"),
        ("Would you recommend a corpus of parliamentary debates?", "corpus of parliamentary debates"),
        ("Have any articles examined reward hacking?", "reward hacking"),
    ],
)
def test_requests_for_a_set(text: str, topic: str) -> None:
    question = analyze(text)
    assert question.mode == "list"
    assert topic in question.topic
    assert len(question.topic.split()) <= len(topic.split()) + 2


@pytest.mark.parametrize("text", ["How does dropout work?", "ResNet-50 top-1 accuracy on ImageNet", "why do transformers need warmup"])
def test_questions_for_an_answer(text: str) -> None:
    assert analyze(text).mode == "answer"


def test_comparisons_name_their_sides() -> None:
    question = analyze("What is the difference between batch norm and layer norm?")
    assert question.mode == "compare" and question.sides == ("batch norm", "layer norm")


def test_counting() -> None:
    assert analyze("How many papers study pruning?").counts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n ",
        "what is the?",
        "???",
        "a" * 4001,
        "grok\x1b[31mking",
        "Welche Arbeiten gibt es über Grokking?",
        "какие статьи изучают гроккинг",
    ],
)
def test_questions_that_cannot_be_asked(text: str) -> None:
    with pytest.raises(QuestionError) as error:
        analyze(text)
    assert error.value.message and error.value.fix
