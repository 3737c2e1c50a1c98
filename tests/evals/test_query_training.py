"""Labels of questions as the query model learns them, and a step of its training on made-up weights."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import numpy as np
import pytest

from assistant.query.labels import KINDS, REFERENCES, TAGS, split_words
from assistant.query.rewriting import Standalone
from evals.cases import read_rows
from evals.library import f1
from evals.talk import is_resolved
from evals.training.query_data import CONVERSATIONS, LABELS, conversations, labelled, mark, tags_of

EMPTY = {"any": [], "all": [], "exclude": [], "years": None, "author": None, "venue": None, "typos": {}, "sides": [], "topic": ""}


def tagged(row: dict[str, object], tag: str) -> list[str]:
    words = [word.text for word in split_words(str(row["q"]))]
    return [word for word, tags in zip(words, tags_of(row), strict=True) if tags[TAGS.index(tag)]]  # type: ignore[arg-type]


def test_words_get_the_tags_of_the_phrases_they_stand_in() -> None:
    row = EMPTY | {
        "q": "adverserial atacks by Müller since 2020 but not on images", "topic": "adversarial attacks", "exclude": ["images"],
        "years": [2020, None], "author": "Müller", "typos": {"adverserial": "adversarial", "atacks": "attacks"},
    }  # fmt: skip
    assert tagged(row, "topic") == ["adverserial", "atacks"] and tagged(row, "exclude") == ["images"]
    assert tagged(row, "author") == ["Müller"] and tagged(row, "year") == ["2020"] and tagged(row, "venue") == []
    assert tagged(EMPTY | {"q": "the 2008 crisis", "topic": "2008 crisis"}, "year") == []
    assert mark(["graph", "networks", "and", "networks"], "graph networks") == {0, 1}


def test_all_labels_are_known_and_fit_their_questions() -> None:
    found = list(labelled(LABELS))
    assert len(found) == 3240 and {kind for one in found for kind in one.kinds} == set(KINDS)
    assert all(len(one.tags or ()) == len(split_words(one.text)) for one in found)
    for _, row in read_rows(CONVERSATIONS):
        assert row["refers"] in REFERENCES and row["standalone"] == (row["refers"] == "none") and len(row["turns"]) > 1


def test_halves_of_conversations_share_no_first_question() -> None:
    halves = [{one.context.split(" ; ")[0].split(" : ")[0] for one in conversations(CONVERSATIONS, half)} for half in (0, 1)]
    assert halves[0] and halves[1] and len(halves[0] & halves[1]) <= 2


@pytest.mark.parametrize(
    ("found", "expected"), [(["a", "b"], 1.0), (["a"], 2 / 3), (["a", "b", "c"], 0.8), (["a", "b", "m"], 1.0), ([], 0.0)]
)
def test_set_f1_leaves_borderline_papers_out(found: list[str], expected: float) -> None:
    assert f1(found, {"a", "b"}, {"m"}) == pytest.approx(expected)


def test_a_follow_up_is_resolved_by_its_papers_or_its_words() -> None:
    turns = [{"q": "papers on soil in wheat", "cited": ["A", "B"]}, {"q": "and maize?"}]
    row = {"turns": turns, "refers": "topic", "resolved": "papers on soil in maize", "papers": []}
    assert is_resolved(row, Standalone("soil in maize")) and not is_resolved(row, Standalone("and maize?"))
    row = row | {"refers": "set"}
    assert is_resolved(row, Standalone("which?", frozenset({"A", "B"})))
    assert not is_resolved(row | {"refers": "paper", "papers": ["B"]}, Standalone('what of "A"?'))


def test_a_step_makes_the_loss_smaller(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="training needs torch, which the program does not")
    from evals.training.encoder import Encoder
    from evals.training.query_model import QueryModel, arrays_of, loss, noisy
    from tests.evals.test_training import tiny

    torch.manual_seed(0)
    examples = [*list(labelled(LABELS, hands="a"))[:6], *list(conversations(CONVERSATIONS, 0))[:4]]
    model = QueryModel(Encoder(tiny(1)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    values = []
    for _ in range(6):
        optimizer.zero_grad()
        value = loss(model, examples, 0.0)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0] and all(math.isfinite(v) for v in values)
    assert {"head.heads.kind.weight", "head.tag.weight", "layers.0.qkv.weight"} <= set(arrays_of(model))
    assert all(len(split_words(noisy(one, Random(n)).text)) == len(one.tags) for n, one in enumerate(examples) if one.tags)
    assert isinstance(arrays_of(model)["head.tag.bias"], np.ndarray)


def test_the_mean_of_two_runs() -> None:
    pytest.importorskip("torch", reason="training needs torch, which the program does not")
    from evals.training.query_model import mean_of

    found = mean_of({"a": np.array([1.0, 3.0])}, {"a": np.array([3.0, 5.0], np.float16)})
    assert found["a"].tolist() == [2.0, 4.0]
