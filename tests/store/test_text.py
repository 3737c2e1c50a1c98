"""Sentences, chunks and ids."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.chunk import chunk_entry
from store.ids import clean_arxiv, clean_doi, make_id, normalise
from store.lexical import terms
from store.sentences import split_sentences
from store.types import Entry, Record

prose = st.text(alphabet=st.sampled_from("aB1 .?!\n(“”),é漢-"), max_size=400)


@given(prose)
def test_sentences_hold_every_character_once(text: str) -> None:
    spans = split_sentences(text)
    assert "".join("".join(text[s.start : s.end].split()) for s in spans) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(text[s.start : s.end] == text[s.start : s.end].strip() for s in spans)


def test_abbreviations_do_not_end_sentences() -> None:
    text = "We follow Smith et al. (2020), i.e. Eq. 3 holds. It gains 3.5 points vs. BERT. Done."
    assert [text[s.start : s.end] for s in split_sentences(text)] == [
        "We follow Smith et al. (2020), i.e. Eq. 3 holds.",
        "It gains 3.5 points vs. BERT.",
        "Done.",
    ]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["One short sentence.", "A much longer sentence with many words in it.", "x" * 30]), min_size=1, max_size=40)
)
def test_chunks_lose_nothing_and_fit(parts: list[str]) -> None:
    entry = Entry("id", "A title", " ".join(parts))

    def count(text: str) -> int:
        return len(text.split())

    chunks = chunk_entry(entry, count, 40)
    assert "".join("".join(c.text.split()) for c in chunks) == "".join(entry.abstract.split())
    assert all(count(c.text) + 2 <= 40 for c in chunks)
    assert sorted({s for c in chunks for s in c.sentences}) == sorted(split_sentences(entry.abstract))
    assert all(entry.abstract[c.span.start : c.span.end] == c.text for c in chunks)


def test_ids() -> None:
    assert clean_doi("https://doi.org/10.1000/ABC.") == "10.1000/abc"
    assert clean_arxiv("https://arxiv.org/abs/2301.01234v3") == "2301.01234"
    assert make_id(Record(1, "T", "a", doi="10.1/x", arxiv="2301.01234")) == "10.1/x"
    assert make_id(Record(1, "T", "a", arxiv="2301.01234")) == "2301.01234"
    assert make_id(Record(1, "Grokking: A Study!", "a")).startswith("grokking-a-study-")
    assert normalise("Grokking:  a STUDY") == normalise("grokking a study")


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("quantised networks", "quantized networks"),
        ("colour and behaviour", "color and behavior"),
        ("we analysed tumours", "we analyzed tumors"),
        ("a centre", "a center"),
    ],
)
def test_british_and_american_spelling_meet(british: str, american: str) -> None:
    assert terms(british) == terms(american)


def test_words_with_wise_stay_one_with_their_hyphenated_form() -> None:
    assert set(terms("elementwise")) <= set(terms("element-wise"))
