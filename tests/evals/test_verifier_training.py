"""What the entailment model is schooled on, without schooling it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.verify.entailment import EntailmentModel, encoded
from evals.cases import read_rows
from evals.training.verifier.rows import DATA, KINDS, held_out
from evals.training.verifier.rules import made_examples
from store.embed import shipped_embedder

SENTENCES = (
    "However, we show that pruning increases accuracy by 12% on ImageNet, which is larger than before. "
    "We find that our method outperforms the baseline network on three hard tasks of vision. "
    "Training is faster with BERT because fewer steps are needed for the whole corpus."
)


def test_the_written_sentences_have_their_fields() -> None:
    rows = [row for _, row in read_rows(DATA)]
    assert len({row["n"] for row in rows}) == len(rows) >= 2_000
    for row in rows:
        assert row["start"] < row["end"] and len(row["right"]) >= 2
        assert {one["kind"] for one in row["wrong"]} <= set(KINDS[1:]) and {"reversed", "clause", "topic"} <= {
            one["kind"] for one in row["wrong"]
        }
    share = sum(held_out(row["n"]) for row in rows) / len(rows)
    assert 0.07 < share < 0.13


def test_made_examples_are_right_by_half_and_the_wrong_ones_differ(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "corpus_100k.jsonl.gz", "wt", encoding="utf-8") as file:
        for n in range(40):
            file.write(json.dumps({"_id": f"p{n}", "title": "Pruning on ImageNet", "text": SENTENCES}) + "\n")
    made = made_examples(tmp_path, 40, {"p0"})
    assert len(made) == 40 and sum(one.kind == "right" for one in made) == 20
    assert {one.kind for one in made} >= {"reversed", "clause", "topic"}
    assert all(one.claim != one.evidence for one in made if one.kind != "right")
    assert made == made_examples(tmp_path, 40, {"p0"})


@settings(deadline=None)
@given(st.text(max_size=400), st.text(max_size=4000), st.text(max_size=900))
def test_evidence_and_claim_are_told_apart_whatever_they_are(title: str, evidence: str, claim: str) -> None:
    ids, segments = encoded(shipped_embedder().word_pieces, title, evidence, claim)
    assert len(ids) == len(segments) <= 512
    assert ids[0] == 101 and ids.count(102) >= 2 and segments == sorted(segments) and segments[-1] == 1


def test_the_model_knows_its_own_evidence_from_another() -> None:
    model = EntailmentModel(shipped_embedder().word_pieces)
    assert model.kinds == KINDS
    own = model.judge(
        "Pruning",
        "We show that pruning removes 90% of weights without loss of accuracy.",
        "Pruning removes most weights and keeps accuracy.",
    )
    other = model.judge("Whales", "Humpback whales sing longer songs in winter.", "Pruning removes most weights and keeps accuracy.")
    assert own.right > 0.5 > other.right and abs(own.right + sum(own.wrong.values()) - 1) < 1e-3
