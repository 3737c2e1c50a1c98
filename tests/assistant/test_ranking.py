"""The reader and what is made of its opinion: order, sets, answerability, and the words a reader of answers sees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.answering.text import lead
from assistant.core import Assistant
from assistant.query.query import make_query
from assistant.query.understanding import understand
from assistant.ranking.answerability import assess
from assistant.ranking.ranker import READ_FOR_ANSWER, rank
from assistant.ranking.reader import NAME, Passage, Reader, ReaderError
from assistant.ranking.relevance import set_candidates
from assistant.ranking.weights import load_weights
from assistant.settings import Settings
from store.embed import shipped_embedder
from store.types import Filtered

FOLDER = Path(__file__).resolve().parents[2] / "assistant" / "ranking" / "models" / NAME
PRUNING = Passage(
    "Magnitude pruning of convolutional networks",
    ("We remove nine tenths of the weights without loss of accuracy.", "Experiments use ImageNet.", "Code is available."),
)
WHALES = Passage("Songs of humpback whales", ("Males sing longer songs in winter.", "We recorded 40 animals off Hawaii."))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(shipped_embedder().word_pieces)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    from assistant.sample import sample_store

    path = tmp_path_factory.mktemp("sample") / "store"
    sample_store(path)
    made = Assistant(path, name="sample")
    yield made
    made.close()


def test_the_reader_knows_what_a_question_is_about(reader: Reader) -> None:
    own, other = reader.read("which papers prune neural networks?", [PRUNING, WHALES])
    assert own.relevance > 0 > other.relevance
    asked, _ = reader.read("how many weights can be removed?", [PRUNING, WHALES])
    assert asked.evidence[0] == max(e for e in asked.evidence if e is not None)


def test_reading_one_pair_or_many_is_the_same(reader: Reader) -> None:
    together = reader.read("whale song", [PRUNING, WHALES, PRUNING])
    assert together[0] == together[2] == reader.read("whale song", [PRUNING])[0]
    assert reader.read("whale song", []) == []


def test_what_there_is_no_room_for_is_not_read(reader: Reader) -> None:
    long = " ".join(["weights of the pruned network"] * 60)
    found = reader.read("pruning", [Passage("", ("It prunes.", long, "It also prunes."))])[0]
    assert found.evidence[0] is not None and found.evidence[1] is None and found.evidence[2] is not None
    alone = reader.read("pruning", [Passage("A title", (long,)), Passage("Only a title", ())])
    assert alone[0].evidence[0] is not None and alone[1].evidence == ()


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=300), st.text(max_size=200), st.lists(st.text(max_size=200), max_size=4))
def test_any_text_can_be_read(question: str, title: str, sentences: list[str]) -> None:
    found = _READER.read(question, [Passage(title, tuple(sentences))])[0]
    assert -50 < found.relevance < 50 and len(found.evidence) == len(sentences)


_READER = Reader(shipped_embedder().word_pieces)


def test_a_changed_file_is_not_loaded(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "reader")
    with (tmp_path / "reader" / "heads.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ReaderError, match="not the file"):
        Reader(shipped_embedder().word_pieces, tmp_path / "reader")
    with pytest.raises(ReaderError, match="cannot be loaded") as error:
        Reader(shipped_embedder().word_pieces, tmp_path / "nowhere")
    assert "--no-reader" in error.value.fix


def test_entries_stand_in_the_order_of_their_scores_and_the_unread_last(sample: Assistant) -> None:
    query = make_query(sample.store, understand(sample.store, "how does pruning change the accuracy of a network?"))
    found = rank(sample.store, query, sample.reader)
    scores = [one.rank_score for one in found.entries]
    assert scores == sorted(scores, reverse=True) and found.read == READ_FOR_ANSWER
    assert [one.reading is not None for one in found.entries] == [True] * found.read + [False] * (len(scores) - found.read)
    assert all(0 <= one.probability <= 1 for one in found.entries)
    assert all(one.entry.abstract[s.start : s.end] == s.quote and 0 <= s.score <= 1 for one in found.entries for s in one.sentences)


def test_without_the_reader_vectors_and_words_decide(sample: Assistant) -> None:
    query = make_query(sample.store, understand(sample.store, "what papers study grokking?"))
    found = rank(sample.store, query, None)
    assert found.read == 0 and "rokking" in (found.entries[0].entry.title or "") + found.entries[0].entry.abstract
    plain = Assistant(sample.store.path, name="sample", options=Settings(reader=False))
    assert plain.reader is None and plain.ask("what papers study grokking?").status == "answered"
    plain.close()


def test_nothing_that_passes_the_filter_is_said(sample: Assistant) -> None:
    query = make_query(sample.store, understand(sample.store, "what papers study grokking?"))
    empty = rank(sample.store, query, sample.reader, allowed=Filtered(frozenset()))
    assert empty.entries == () and assess(empty).reason == "no-topic"


def test_a_likely_member_is_never_refused(sample: Assistant) -> None:
    for text in ("what papers study grokking?", "papers on pruning", "anything on federated learning?"):
        question = understand(sample.store, text)
        ranked = rank(sample.store, make_query(sample.store, question), sample.reader)
        likely = [c for c in set_candidates([ranked], question) if c.probability >= 0.5]
        if likely:
            assert sample.ask(text).status == "answered"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("what papers study grokking?", "list"),
        ("how many papers are about pruning?", "count"),
        ("why does warmup help transformers?", "answer"),
        ("how do batch norm and layer norm differ?", "compare"),
        ("papers on federated learning with non-iid data", "list"),
        ("by how much does pruning cut inference time?", "answer"),
    ],
)
def test_what_a_question_wants(sample: Assistant, text: str, kind: str) -> None:
    question = understand(sample.store, text)
    assert ("count" if question.counts else question.mode) == kind


def test_fitted_models_are_whole() -> None:
    weights = load_weights()
    names = {"member", "answer", "sentence", "answerable", "list_answerable", "on_subject"}
    assert set(weights.models) == names | {f"{name}_unread" for name in names}
    assert all(0 <= value <= 1 for value in weights.thresholds.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"mode": "list", "reason": None, "claims": 4}, "4 papers:"),
        ({"mode": "list", "reason": None, "claims": 1}, "1 paper:"),
        ({"mode": "list", "reason": None, "claims": 3, "mentions": True, "counts": True}, "3 papers mention it:"),
        ({"mode": "list", "reason": None, "claims": 3, "counts": True, "expected": 3.2}, "About 3 papers:"),
        ({"mode": "list", "reason": "no-topic", "claims": 0}, "No abstract here seems to be about this."),
        ({"mode": "list", "reason": "no-topic", "claims": 0, "is_empty": True}, "No entry passes the filter."),
        ({"mode": "answer", "reason": "not-in-abstracts", "claims": 0}, "The abstracts do not state this."),
        ({"mode": "answer", "reason": None, "claims": 2}, ""),
        ({"mode": "compare", "reason": None, "claims": 2, "against": [2]}, "[2] says it stands against what others hold."),
    ],
)
def test_the_opening_sentence_is_true(arguments: dict[str, object], sentence: str) -> None:
    assert lead(**arguments) == sentence  # type: ignore[arg-type]


def test_an_estimate_is_called_one() -> None:
    said = lead("list", None, 9, counts=True, expected=13.4)
    assert "About 13" in said and "estimate" in said and "9 papers" in said
