"""Answers over the real corpus, through the facade and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.core import Assistant
from assistant.render.terminal import render, safe
from assistant.types import Answer
from store.types import Filters


def holds(assistant: Assistant, answer: Answer) -> None:
    """Every quote equals its span, every citation resolves, numbers run from 1 by first appearance."""
    numbers = [c.n for c in answer.citations]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(set(numbers)) + 1))
    for citation in answer.citations:
        entry = assistant.store.resolve(citation.id)
        assert entry.abstract[citation.start : citation.end] == citation.quote
        assert f"[{citation.n}]" in answer.text
    assert {n for claim in answer.claims for n in claim.citations} == set(numbers)


def test_grokking_is_a_whole_set(corpus: Assistant) -> None:
    answer = corpus.ask("what papers study grokking?")
    assert answer.mode == "list" and answer.status == "answered"
    places = {str(p) for c in answer.citations for p in c.provenance}
    assert {f"001_9d49a8dc1aa20a23.txt#{n}" for n in (67, 189, 277, 280)} <= places
    assert len(answer.citations) <= 6
    holds(corpus, answer)


def test_a_fact_is_quoted(corpus: Assistant) -> None:
    answer = corpus.ask("SqueezeBERT speedup on Pixel 3")
    assert any("4.3x faster" in c.quote for c in answer.citations[:3])
    holds(corpus, answer)


WORDS = [
    "grokking",
    "pruning",
    "networks",
    "which papers",
    "how",
    "accuracy",
    "graph",
    "compare",
    "and",
    "transformer",
    "?",
    "medicine",
    "zebra",
    '"quoted"',
    "%",
    "\\",
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)
    .map(" ".join)
    .filter(lambda t: any(w in t for w in ("grok", "prun", "graph", "zebra")))
)
def test_citations_hold_for_any_question(corpus: Assistant, text: str) -> None:
    answer = corpus.ask(text)
    holds(corpus, answer)
    assert "\x1b" not in render(answer)


@pytest.mark.parametrize("name", ["Attention is not Explanation"])
def test_filters_without_the_field_match_nothing(corpus: Assistant, name: str) -> None:
    answer = corpus.ask("what papers study grokking?", Filters(years=(2020, None)))
    assert answer.status == "abstained" and dict(answer.lacking) == {"year": 485}
    one = corpus.ask("what papers study grokking?", Filters(source="003_*"))
    assert all(any(p.file.startswith("003_") for p in c.provenance) for c in one.citations)


def test_terminal_text_cannot_drive_the_terminal() -> None:
    assert safe("a\x1b[31mb\u202ec\nd") == "a [31mb c d"


def run(*arguments: str, home: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_DATA_HOME": str(home)}
    env.pop("ASSISTANT_STORE", None)
    return subprocess.run(
        [sys.executable, "-c", "from assistant.faces.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env=env,
        input=stdin,
    )


def test_first_use_answers_from_the_sample_and_says_so(tmp_path: Path) -> None:
    first = run("ask", "what papers study grokking?", home=tmp_path)
    assert first.returncode == 0 and "not the papers' abstracts" in first.stdout and "Omnigrok" in first.stdout
    assert "sample" in first.stderr
    again = run("ask", "-", "--json", home=tmp_path, stdin="what papers study grokking?\n")
    data = json.loads(again.stdout)
    assert again.stderr == "" and data["store"] == "sample" and data["schema"] == 1 and len(data["citations"]) >= 4


def test_bad_input_is_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    for arguments in (
        ["ask", "the of", "--json"],
        ["ask", "grokking", "--store", str(tmp_path / "none"), "--json"],
        ["ingest", str(tmp_path / "none.txt"), "--json"],
        ["ask", "grokking", "--year", "20x", "--json"],
    ):
        result = run(*arguments, home=tmp_path)
        assert result.returncode == 2 and "Traceback" not in result.stderr
        assert set(json.loads(result.stdout)["error"]) == {"message", "fix"}


def test_batch_carries_ids_and_goes_on_after_a_bad_line(corpus_store: Path, tmp_path: Path) -> None:
    lines = '{"id": "a", "question": "what papers study grokking?"}\n{"id": "b", "question": ""}\ncrowd counting\n'
    result = run("ask", "--batch", "-", "--json", "--store", str(corpus_store), home=tmp_path, stdin=lines)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 2
    assert [row.get("id") for row in rows] == ["a", "b", None] and "error" in rows[1] and rows[2]["mode"] == "list"


def test_exports_hold_what_was_cited(corpus: Assistant) -> None:
    from assistant.render.export import bibtex, markdown, table

    answer = corpus.ask("what papers study grokking?")
    ids = list(dict.fromkeys(c.id for c in answer.citations))
    assert bibtex(answer, corpus.store.ledger.entries(ids)).count("@misc{") == len(ids)
    assert len(table(answer).splitlines()) == len(answer.citations) + 1
    assert markdown(answer).count("\n> ") == len(answer.citations)
