"""Embedder and reader training on made-up data and tiny networks; the whole run takes seconds on a CPU."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.training.evaluate import auroc, average_precision, reciprocal_rank
from evals.training.synthetic import claims, title_phrases, topics
from evals.training.tokens import Documents, load_questions, save_questions, tokenize
from evals.training.typos import misspell
from evals.training.weights import Arrays, from_transformers, load_arrays, pack, save_halves, to_transformers, unpack
from store.embed import shipped_embedder
from store.sentences import split_sentences

TOPICS = ("pruning of networks", "whale song", "protein folding", "robot grasping")
WIDTH = 24


def documents() -> Documents:
    rows = [
        (0, f"On {topic} {n}", f"We study {topic}. It is the {n}th study. Results on {topic} are good.")
        for n in range(5)
        for topic in TOPICS
    ]
    tokenizer = shipped_embedder()._tokenizer
    return tokenize(rows, lambda texts: tokenizer.encode_batch(texts, add_special_tokens=False), split_sentences)


def questions(folder: Path) -> None:
    embedder = shipped_embedder()
    rows = []
    for number in range(12):
        topic = number % len(TOPICS)
        ids = embedder.word_pieces(f"papers about {TOPICS[topic]}")
        judged = list(range(8))
        rows.append({
            "id": f"q{number}", "kind": ("list", "answer", "none")[number % 3], "split": "dev" if number > 7 else "train", "source": 0,
            "ids": ids, "noisy": [ids, ids], "documents": judged,
            "grades": [2 * (number % 3 != 2 and d % len(TOPICS) == topic) for d in judged],
            "evidence": [[topic, 0]] if number % 3 != 2 else [], "lexical": [12, 13],
        })  # fmt: skip
    free = {"kind": "free", "documents": [], "grades": [], "evidence": [], "split": "train"}
    rows += [rows[0] | free | {"id": "free"}, rows[0] | {"id": "claim", "kind": "claim", "documents": [4], "grades": [2], "evidence": []}]
    save_questions(rows, folder)


def tiny(layers: int, *, relative: bool = False) -> Arrays:
    random = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (0.05 * random.standard_normal(shape)).astype(np.float32)

    found = {"word": normal(30522, WIDTH), "position": normal(512, WIDTH), "segment": normal(2, WIDTH), "norm.weight": np.ones(WIDTH)}
    found["norm.bias"] = np.zeros(WIDTH)
    if relative:
        del found["segment"]
        found["bias.weight"] = normal(32, 12)
    for layer in range(layers):
        for name, shape in {"qkv": (72, WIDTH), "out": (WIDTH, WIDTH), "up": (48, WIDTH), "down": (WIDTH, 48)}.items():
            found |= {f"layers.{layer}.{name}.weight": normal(*shape), f"layers.{layer}.{name}.bias": np.zeros(shape[0])}
        for name in ("norm1", "norm2"):
            found |= {f"layers.{layer}.{name}.weight": np.ones(WIDTH), f"layers.{layer}.{name}.bias": np.zeros(WIDTH)}
    return found


def test_pieces_of_titles_and_sentences_are_where_they_are_said_to_be() -> None:
    held, tokenizer = documents(), shipped_embedder()._tokenizer
    title = tokenizer.decode(held.pieces(1)[: held.title[1]].tolist())
    assert title == "on whale song 0"
    start, end = held.sentences(1)[2]
    assert tokenizer.decode(held.pieces(1)[start:end].tolist()) == "results on whale song are good."


def test_data_comes_back_as_it_was_written(tmp_path: Path) -> None:
    held = documents()
    held.save(tmp_path)
    assert Documents.load(tmp_path).pieces(3).tolist() == held.pieces(3).tolist()
    questions(tmp_path)
    found = load_questions(tmp_path)
    assert found[0].relevant == (0, 4) and found[0].evidence == {(0, 0)} and found[2].relevant == ()


def test_questions_are_made_of_what_titles_and_abstracts_say() -> None:
    assert title_phrases("Towards Neural Speech Codecs: A Study of the Bitrate") == ["Neural Speech Codecs", "Bitrate"]
    titles = ["Pruning of Networks at Scale"] * 3 + ["Whale Song in the Arctic"]
    made = list(topics(titles, Random(1), 20))
    assert made == list(topics(titles, Random(1), 20)) and len({text.lower() for text in made}) == len(made)
    assert all(
        "pruning" in text.lower() or "networks" in text.lower() or "whale" in text.lower() or "arctic" in text.lower() for text in made
    )
    found = list(claims(["In this paper, we show that whales of the northern seas sing longer songs in winter."], Random(0), 5))
    assert len(found) == 1 and "whales of the northern seas sing longer songs in winter" in found[0] and "we show" not in found[0]


@given(st.text(max_size=80), st.integers())
def test_misspelling_keeps_short_words_and_the_number_of_words(text: str, seed: int) -> None:
    found = misspell(text, Random(seed)).split()
    assert len(found) == len(text.split())
    assert all(a == b for a, b in zip(text.split(), found, strict=True) if len(a) < 5 or not a.isalpha())


def test_weights_survive_packing_and_renaming(tmp_path: Path) -> None:
    weights = tiny(2)
    theirs = to_transformers(weights)
    assert "encoder.layer.1.attention.self.key.weight" in theirs
    again = from_transformers(theirs)
    assert set(again) == set(weights) and all(np.array_equal(again[name], weights[name]) for name in weights)
    near = unpack(pack(weights))
    assert max(float(np.abs(near[name] - weights[name]).max()) for name in weights) < 2e-3
    save_halves(weights, tmp_path / "x")
    assert set(load_arrays(tmp_path / "x_a.npz", tmp_path / "x_b.npz")) == set(weights) - {"word"}


def test_figures_of_known_orders() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(0.875)
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    assert average_precision(scores, [True, False, True, False], [False] * 4) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(scores, [True, False, True, False], [False, True, False, False]) == pytest.approx(1.0)
    assert reciprocal_rank(scores, [False, False, True, False], [True, False, False, False]) == pytest.approx(0.5)


def test_losses_are_small_for_right_scores_and_large_for_wrong_ones() -> None:
    torch = pytest.importorskip("torch", reason="training needs torch, which the program does not")
    from evals.training.losses import contrastive, grid, listwise, weighted_bce

    right, wrong = torch.tensor([[5.0, -5.0, 0.0]]), torch.tensor([[-5.0, 5.0, 0.0]])
    positive, ignored = torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])
    assert contrastive(right, positive, ignored) < 0.01 < 5 < contrastive(wrong, positive, ignored)
    assert contrastive(right, ~positive & positive, ignored) == 0
    present = torch.tensor([[True, True, False]])
    assert listwise(right, right, present) == pytest.approx(0, abs=1e-6) and listwise(wrong, right, present) > 5
    assert listwise(torch.tensor([[5.0, -5.0, 99.0]]), right, present) == pytest.approx(0, abs=1e-6)
    assert weighted_bce(right[0], torch.tensor([1.0, 0.0, 1.0]), torch.tensor([1.0, 1.0, 0.0])) < 0.01
    assert grid(torch.arange(3.0), [1, 2], -1).tolist() == [[0, -1], [1, 2]]


def test_int8_training_rounds_as_it_says() -> None:
    torch = pytest.importorskip("torch", reason="training needs torch, which the program does not")
    from evals.training.encoder import Linear

    torch.manual_seed(0)
    layer, values = Linear(16, 8), torch.randn(4, 6, 16, requires_grad=True)
    plain = layer(values)
    layer.as_int8 = True
    rounded = layer(values)
    assert 0 < (plain - rounded).abs().max() < 0.05
    rounded.sum().backward()
    assert values.grad is not None and layer.weight.grad is not None and values.grad.abs().sum() > 0


def test_a_reader_sees_title_and_best_sentences() -> None:
    pytest.importorskip("torch", reason="training needs torch, which the program does not")
    from evals.training.reader import shortened

    held, tokenizer = documents(), shipped_embedder()._tokenizer
    view = shortened(held, 1, np.array([0.1, 0.9, 0.5]), 14)
    assert tokenizer.decode(view.pieces.tolist()) == "on whale song 0 it is the 0th study. results on whale song are good."
    assert view.sentences == (1, 2)
    start, end = view.spans[1]
    assert tokenizer.decode(view.pieces[start:end].tolist()) == "results on whale song are good."
    assert shortened(held, 1, np.array([0.9, 0.1, 0.5]), 1).sentences == (0,)


def test_the_whole_run_writes_models_that_load(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch, which the program does not")
    from evals.training.run import run

    documents().save(tmp_path)
    questions(tmp_path)
    models, out = tmp_path / "models", tmp_path / "out"
    models.mkdir()
    out.mkdir()
    np.savez(models / "word.npz", **pack({"word": tiny(0)["word"]}))
    for name, weights in (("embedder", tiny(1)), ("reader", tiny(1)), ("teacher", tiny(2, relative=True))):
        np.savez(models / f"{name}.npz", **pack(weights))
    run(tmp_path, models, out, seconds=12, steps=3)
    reader = load_arrays(out / "reader_a.npz", out / "reader_b.npz")
    assert "layers.0.qkv.weight" in reader and "head.rel.2.bias" in reader
    assert not np.array_equal(reader["layers.0.qkv.weight"], tiny(1)["layers.0.qkv.weight"].astype(np.float16))
    with np.load(out / "pools.npz") as pools:
        assert len(pools["document"]) == len(pools["logit"]) == pools["starts"][-1] > 0
    again = tmp_path / "again"
    again.mkdir()
    run(tmp_path, models, again, seconds=1, parts=["reader"], judged=out / "pools.npz", workers=1)
    assert not (again / "embedder_a.npz").exists() and (again / "reader_a.npz").exists()
