"""Questions as understood: kinds, conditions, logic, spelling, records, small talk, definitions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Assistant
from assistant.answering.modes import defining_score
from assistant.answering.records import asked_fields, in_words
from assistant.answering.replies import small_talk
from assistant.query.constraints import Constraints, _is_denied, _joined, apply, fold, is_named, is_venue, near_names, read_years
from assistant.query.labels import KINDS, TAGS, split_words
from assistant.query.model import QueryModel, QueryModelError
from assistant.query.rewriting import Turn, _of_the_set
from assistant.query.spelling import correct
from assistant.query.understanding import alternatives, lone_name, query_model, understand, word_pieces
from assistant.ranking.conditions import mentions
from store.errors import QuestionError
from store.ingest import ingest
from store.lexical import terms
from store.store import Store
from store.types import Entry, Filtered

PAPERS = [
    ("Pruning Networks by Magnitude", "We prune weights of neural networks by their magnitude. Accuracy hardly drops on images.", 2019, "ICML", ["Jürgen Müller", "Ann Lee"]),
    ("Pruning with Reinforcement Learning", "An agent trained with reinforcement learning prunes neural networks layer by layer.", 2021, "NeurIPS", ["Ann Lee"]),
    ("A Survey of Pruning", "We survey pruning of neural networks. A pruned network is a network from which weights were taken away.", 2023, "TMLR", ["Wei Long"]),
    ("Adversarial Attacks on Speech Recognition", "Adversarial attacks fool speech recognition systems. We propose one for dialects.", 2020, "Interspeech", ["Łukasz Nowak"]),
    ("Retrieval Augmented Translation", "Translation memories are retrieved and used for translation of rare words.", 2022, "ACL", ["María José García Pérez"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    rows = [{"title": t, "abstract": a, "year": y, "venue": v, "authors": names} for t, a, y, v, names in PAPERS]
    (folder / "papers.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with Store(folder / "store", create=True) as store:
        ingest(store, [folder / "papers.jsonl"])
    return folder / "store"


@pytest.fixture(scope="module")
def assistant(library: Path):  # type: ignore[no-untyped-def]
    opened = Assistant(library)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "years", "last"),
    [
        ("papers since 2020", (2020, None), None),
        ("pruning after 2019", (2020, None), None),
        ("anything before 2015", (None, 2014), None),
        ("up to 2018", (None, 2018), None),
        ("from 2018 to 2021", (2018, 2021), None),
        ("between 2016 and 2018", (2016, 2018), None),
        ("2018-2020 pruning", (2018, 2020), None),
        ("from 2023", (2023, 2023), None),
        ("2019 onwards", (2019, None), None),
        ("2018 or earlier", (None, 2018), None),
        ("in the 2010s", (2010, 2019), None),
        ("nothing later than 2019", (None, 2019), None),
        ("no older than 2021", (2021, None), None),
        ("nothing before 2018", (2018, None), None),
        ("ahead of 2018", (None, 2017), None),
        ("since the beginning of 2023", (2023, None), None),
        ("2015 upwards", (2015, None), None),
        ("expert systems from the eighties", (1980, 1989), None),
        ("post-2020", (2021, None), None),
        ("over the past four years", None, 4),
        ("in the last three years", None, 3),
        ("past decade", None, 10),
        ("no years at all", None, None),
    ],
)
def test_years_are_read_as_people_write_them(text: str, years: object, last: object) -> None:
    assert read_years(text) == (years, last)


@pytest.mark.parametrize(
    ("name", "asked", "same"),
    [
        ("Jürgen Müller", "Muller", True),
        ("Jürgen Müller", "mueller", True),
        ("Jürgen Müller", "J. Müller", True),
        ("Łukasz Nowak", "lukasz nowak", True),
        ("María José García Pérez", "Garcia Perez", True),
        ("Wei Long", "Long", True),
        ("Longfei Wu", "Long", False),
        ("Ann Lee", "Lee, Ann", True),
        ("Ann Lee", "", False),
    ],
)
def test_names_are_folded_as_they_are_typed(name: str, asked: str, same: bool) -> None:
    assert is_named(name.casefold(), asked) is same


def test_venues_are_whole_words() -> None:
    assert is_venue("Proceedings of ACL 2020", "acl") and not is_venue("NAACL", "ACL") and not is_venue("Nature", "")


@given(st.text(max_size=40), st.text(max_size=40))
def test_folding_never_fails(name: str, asked: str) -> None:
    assert all(word == word.casefold() for word in fold(name)) or not name.isascii()
    assert is_named(name, asked) in (True, False)


def test_conditions_are_matched_with_the_records(assistant: Assistant) -> None:
    found = apply(assistant.store, Constraints(years=(2021, None), authors=("Lee",)))
    assert found.ids is not None and len(found.ids) == 1 and found.stated == ("from 2021 on", "by Lee")
    none = apply(assistant.store, Constraints(authors=("Mullr",)))
    assert none.ids == frozenset() and "Müller (1)" in none.missing[0]
    assert apply(assistant.store, Constraints()).ids is None
    assert apply(assistant.store, Constraints(last=2)).ids is not None and len(apply(assistant.store, Constraints(last=2)).ids or ()) == 2
    assert "not known here" in apply(assistant.store, Constraints(sort="most_cited")).left_out[0]


def test_what_the_store_does_not_hold_is_said(digest_store: Path) -> None:
    with Store(digest_store) as store:
        rows = store.ledger.execute("SELECT count(*) FROM entries WHERE year IS NOT NULL").fetchone()[0]
        found = apply(store, Constraints(years=(2020, None)))
        assert bool(found.left_out) is (rows == 0)


def test_a_question_is_read_in_one_go() -> None:
    reading = query_model().read("papers by Müller on pruning since 2019 but not on images")
    assert sum(reading.kinds.values()) == pytest.approx(1) and set(reading.kinds) == set(KINDS)
    assert reading.kind == "list" and reading.tags.shape == (len(reading.words), len(TAGS))


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    reading = query_model().read(text, text)
    assert len(reading.words) == len(split_words(text)) == len(reading.tags)
    for tag in TAGS:
        assert all(phrase in text for phrase in reading.phrases(tag, text))


def test_halves_of_characters_are_no_defect(assistant: Assistant) -> None:
    assert len(query_model().read("pruning \ud83d of networks", "\udcff").words) == 4
    assert assistant.ask("papers on pruning \ud83d").citations
    with pytest.raises(QuestionError, match="no word to search for"):
        assistant.ask("\udcff\udcfe")


def test_a_damaged_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(QueryModelError, match="cannot be loaded"):
        QueryModel(word_pieces(), tmp_path)


@pytest.mark.parametrize(
    ("topic", "any_of", "expected"),
    [
        ("diffusion models for inpainting or superresolution", ("inpainting", "superresolution"), ("diffusion models for inpainting", "diffusion models for superresolution")),
        ("pruning or distillation", ("pruning", "distillation"), ("pruning", "distillation")),
        ("either bandits or concept drift", ("bandits", "concept drift"), ("bandits", "concept drift")),
    ],
)  # fmt: skip
def test_alternatives_are_searched_for_one_by_one(topic: str, any_of: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert alternatives(topic, any_of) == expected


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("adverserial atacks", "adversarial attacks"),
        ("retrevial of translation memories", "retrieval of translation memories"),
        ("speech recogntion for dialcets", "speech recognition for dialects"),
        ("adversarial attacks", "adversarial attacks"),
        ("papers by Nowack", "papers by Nowack"),
        ("GPT-4 and BERTology", "GPT-4 and BERTology"),
        ("axolotl regeneration", "axolotl regeneration"),
    ],
)
def test_misspelt_words_are_looked_up_in_the_corpus(assistant: Assistant, typed: str, meant: str) -> None:
    assert correct(assistant.store, typed, word_pieces(), ["Nowack"]).text == meant


def test_a_correction_is_shown_and_can_be_undone(assistant: Assistant) -> None:
    answer = assistant.ask("papers on adverserial attacks")
    assert answer.corrections == (("adverserial", "adversarial"),) and answer.question == "papers on adverserial attacks"
    assert any("typed: adverserial" in note for note in answer.notes) and answer.citations
    assert assistant.ask('"papers on adverserial attacks"').corrections == ()


def test_conditions_are_shown_and_kept(assistant: Assistant) -> None:
    answer = assistant.ask("papers on pruning since 2021")
    assert {assistant.entry(c.id).year for c in answer.citations} <= {2021, 2022, 2023} and "from 2021 on" in answer.constraints
    assert any("Taken as conditions" in note for note in answer.notes)
    undone = assistant.ask('"papers on pruning since 2021"')
    assert undone.constraints == ()
    nobody = assistant.ask("papers by Mullr on pruning")
    assert nobody.reason in ("no-match", None) and (nobody.reason is None or "Similar" in nobody.headline)


@pytest.mark.parametrize(
    ("text", "said"),
    [("thanks!", "welcome"), ("bye", "Goodbye"), ("hello", "Hello")],
)
def test_small_talk_is_answered_shortly(assistant: Assistant, text: str, said: str) -> None:
    assert said in small_talk(text)
    answer = assistant.ask(text)
    assert answer.status == "answered" and not answer.citations and answer.kind == "smalltalk"


def test_the_corpus_and_the_program_are_told_of(assistant: Assistant) -> None:
    corpus, program = assistant.ask("what is this corpus about?"), assistant.ask("what can you do?")
    assert "5 papers" in corpus.headline and "2019 to 2023" in corpus.headline and corpus.kind == "corpus"
    assert "quote" in program.headline and program.kind == "assistant" and not program.citations


def test_records_are_told_from_the_store(assistant: Assistant) -> None:
    answer = assistant.ask('Who wrote "A Survey of Pruning"?')
    assert "Wei Long" in answer.headline and answer.citations[0].field == "title"
    entry = Entry("x", "A Title", "Text.", ("Ann Lee",), None, "ICML")
    assert in_words(entry, ("authors", "venue")) == "“A Title” is by Ann Lee, appeared in ICML."
    assert in_words(entry, ("year", "citations")) == "“A Title”: not known here: when it appeared, how often it is cited."
    assert asked_fields("when was it published?") == ("year",) and asked_fields("who wrote it, and where?") == ("authors", "venue")


def test_near_names_come_with_their_counts() -> None:
    assert near_names("Mullr", ["jürgen müller", "ann lee"]) == ["Jürgen Müller (1)"]


@pytest.mark.parametrize(
    ("sentence", "defines"),
    [
        ("Assumption-based argumentation (ABA) is a formalism for reasoning.", True),
        ("We study assumption-based argumentation in practice.", False),
        ("A formalism, called assumption-based argumentation, is studied.", True),
    ],
)
def test_sentences_that_define_are_told(sentence: str, defines: bool) -> None:
    wanted = frozenset(terms("assumption argumentation"))
    assert (defining_score(sentence, wanted) > 0) is defines


def test_a_definition_comes_first(assistant: Assistant) -> None:
    answer = assistant.ask("what is a pruned network?")
    assert answer.citations[0].quote.startswith("A pruned network is")


@pytest.mark.parametrize(
    ("phrase", "text", "denied"),
    [
        ("images", "papers on pruning but not on images", True),
        ("recommendation", "GNN papers excluding recommendation", True),
        ("gender bias", "bias in language models, gender bias excluded", True),
        ("model", "prove that a model is fair without revealing the model", False),
        ("images", "pruning of networks for images", False),
        (
            "quantum",
            "ordinary (not quantum) neural networks that work out in great detail how tiny particles behave, and why they do so",
            False,
        ),
    ],
)
def test_what_is_excluded_stands_near_a_word_that_excludes(phrase: str, text: str, denied: bool) -> None:
    assert _is_denied(phrase, text, len(split_words(text))) is denied


def test_alternatives_are_those_that_or_joins() -> None:
    assert _joined(["nets", "art", "artists"], "nets and art or artists") == ("art", "artists")
    assert _joined(["a b", "c", "d"], "papers on a b, c or on d") == ("a b", "c", "d") and _joined([], "x") == ()


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("experiments on MNIST", "MNIST"),
        ("ImageNet", "ImageNet"),
        ("GPT-4 results", "GPT-4"),
        ("GNNs", ""),
        ("LSTM language models", ""),
        ("pruning", ""),
    ],
)
def test_a_topic_that_is_one_name_is_told(topic: str, name: str) -> None:
    assert lone_name(topic) == name


def test_excluded_papers_are_never_members(assistant: Assistant) -> None:
    answer = assistant.ask("papers on pruning but not with reinforcement learning")
    titles = {c.title for c in answer.citations}
    assert "Pruning with Reinforcement Learning" not in titles and "Pruning Networks by Magnitude" in titles
    assert any("do not seem to be about" in note for note in answer.notes) and any("Left out" in note for note in answer.notes)


def test_what_is_excluded_is_no_member_where_no_topic_is_named(assistant: Assistant) -> None:
    question = replace(
        understand(assistant.store, "papers by Lee"), constraints=Constraints(authors=("Lee",), exclude=("reinforcement learning",))
    )
    found = assistant.pipeline._all_allowed(question, Filtered(apply(assistant.store, question.constraints).ids or frozenset()))
    assert [e.quote for e in found.evidence] == ["Pruning Networks by Magnitude"] and len(found.excluded) == 1


def test_a_topic_with_backslashes_can_be_referred_to() -> None:
    turn = Turn(r"papers on $\ell_1$ regularization", "list", ("A", "B"), ids=("a", "b"))
    assert _of_the_set("do they use momentum?", turn).startswith("do ")


def test_a_word_that_is_denied_is_no_mention(assistant: Assistant) -> None:
    _, entries = assistant.pipeline.search("translation memories", None)
    one = next(e for e in entries if e.entry.title == "Retrieval Augmented Translation")
    assert mentions(one, frozenset(terms("translation memories")), "translation memories")
    assert not mentions(one, frozenset(terms("reinforcement learning")), "reinforcement learning")


def test_a_question_of_stop_words_alone_is_refused(assistant: Assistant) -> None:
    with pytest.raises(QuestionError, match="no word to search for"):
        understand(assistant.store, "???")
