"""Abbreviations a text defines: known pairs, and properties on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.abbreviations import definitions, expanded_terms
from store.lexical import terms


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("We study brown adipose tissue (BAT).", [("BAT", "brown adipose tissue")]),
        ("Convolutional neural networks (CNNs) and long short-term memory (LSTM) are old.", ["CNNs", "LSTM"]),
        ("We use Low-Rank Adaptation (LoRA; see below).", [("LoRA", "Low-Rank Adaptation")]),
        ("It fell (p < 0.01) in the trial (n = 3).", []),
        ("As shown before (Table 2), models (e.g. BERT) fail.", []),
        ("the LWM (1M-Text, LWM-Text-Chat) and videos (LWM)", []),
    ],
)
def test_definitions(text: str, pairs: list[str | tuple[str, str]]) -> None:
    found = definitions(text)
    assert len(found) == len(pairs)
    for (short, long), expected in zip(found, pairs, strict=True):
        assert expected in (short, (short, long))


def test_either_form_holds_the_other() -> None:
    text = "The bile acid chenodeoxycholic acid (CDCA) is a drug. CDCA raised it. Chenodeoxycholic acid is cheap."
    assert set(terms("chenodeoxycholic acid")) <= expanded_terms("CDCA raised it.", text)
    assert set(terms("CDCA")) <= expanded_terms("Chenodeoxycholic acid is cheap.", text)
    assert not set(terms("chenodeoxycholic")) & expanded_terms("It rose.", text)


@given(st.text(alphabet="abAB ()[].-1,;", max_size=80))
def test_any_text(text: str) -> None:
    for short, long in definitions(text):
        assert short in text and long in text and len(long) > len(short)
        letters = iter(long.lower())
        assert all(ch in letters for ch in short.lower() if ch.isalnum())
