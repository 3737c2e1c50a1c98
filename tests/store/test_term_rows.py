"""What is kept of an entry's terms says the same as its text would."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.abbreviations import expanded_terms
from store.lexical import american, split_terms, terms
from store.sentences import split_sentences
from store.term_rows import Wanted, held_terms, pack_terms

WORDS = ("brown", "adipose", "tissue", "(BAT)", "BAT", "over-squashing", "quantised", "the", "models", "naïve", "x/y", "Σ", "1.5", "İ")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


@given(
    title=st.none() | texts,
    sentences=st.lists(texts, min_size=1, max_size=5),
    wanted=st.lists(st.sampled_from(WORDS).flatmap(lambda w: st.sampled_from(terms(w) or ["none"])), unique=True),
)
def test_what_is_held_is_what_the_text_holds(title: str | None, sentences: list[str], wanted: list[str]) -> None:
    abstract = ". ".join(sentences)
    quotes = [abstract[a:b] for a, b in split_sentences(abstract)]
    held = held_terms([pack_terms(title, quotes, abstract)], Wanted.of(wanted))
    whole = terms(f"{title or ''}\n{abstract}")
    assert held.whole == set(wanted) & set(whole)
    if wanted:
        assert [set(s) for s in held.sentences] == [set(wanted) & expanded_terms(q, abstract) for q in quotes]
    assert held.pairs == {(a, b) for a, b in pairwise(whole) if a in wanted and b in wanted}


def test_chunks_of_one_entry_count_together_and_its_title_once() -> None:
    chunks = [pack_terms("Deep networks", ["Brown fat."], "Brown fat."), pack_terms("Deep networks", ["White fat."], "White fat.")]
    held = held_terms(chunks, Wanted.of(terms("white fat network deep")))
    assert held.whole == set(terms("white fat network deep"))
    assert [len(s) for s in held.sentences] == [1, 2]
    assert held.pairs == {tuple(terms("white fat")), tuple(terms("deep networks"))}


@given(st.text())
def test_a_text_is_analysed_word_by_word_as_it_would_be_as_a_whole(text: str) -> None:
    from store.lexical import _analyzer, compounds

    spelt = american(text)
    words, joined = split_terms(text)
    assert words == _analyzer().analyze(spelt)
    assert joined == _analyzer().analyze(compounds(spelt))


@pytest.mark.parametrize("wanted", [[], ["absent"]])
def test_nothing_held(wanted: list[str]) -> None:
    held = held_terms([pack_terms(None, ["One sentence."], "One sentence.")], Wanted.of(wanted))
    assert not held.whole and not held.pairs and not any(held.sentences)
