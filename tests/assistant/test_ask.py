"""Answers over the real corpus, through the facade and the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html import escape as html_escape
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.core import Assistant
from assistant.render.terminal import render, safe
from assistant.types import Answer
from store.ingest import ingest
from store.store import Store
from store.types import Filters


def holds(assistant: Assistant, answer: Answer) -> None:
    """Every quote equals its span, every citation resolves, numbers run from 1 by first appearance."""
    numbers = [c.n for c in answer.citations]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(set(numbers)) + 1))
    for citation in answer.citations:
        entry = assistant.store.resolve(citation.id)
        text = entry.title or "" if citation.field == "title" else entry.abstract
        assert text[citation.start : citation.end] == citation.quote
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


def test_filters_without_the_field_match_nothing(corpus: Assistant) -> None:
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
        [sys.executable, "-c", "from assistant.faces.entry import main; main()", *arguments],
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
        ["ask", "grokking", "--year", "2020-2018", "--json"],
        ["ask", "grokking", "--html", "--json"],
        ["ask", "grokking", "--source", "none.txt", "--json"],
        ["ask", "caf\udce9", "--json"],
        ["ingest", "", "--json"],
        ["ingest", "/dev/zero", "--json"],
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


def test_how_many_is_answered_with_the_count(corpus: Assistant) -> None:
    answer = corpus.ask("how many papers study grokking?")
    assert answer.mode == "list" and re.match(rf"About .*\b{len(answer.citations)} papers", answer.text)


def test_an_absent_topic_is_refused_with_the_nearest_entries(corpus: Assistant) -> None:
    answer = corpus.ask("Is there any work on sign language recognition?")
    assert (answer.status, answer.reason, answer.citations) == ("abstained", "no-topic", ())
    assert len(answer.nearest) == 3 and "No abstract here seems to be about this" in answer.text


def test_a_number_that_no_abstract_gives_is_not_made_up(corpus: Assistant) -> None:
    answer = corpus.ask("How many people took part in the study on conversational explanations?")
    assert (answer.status, answer.reason) == ("abstained", "not-in-abstracts")
    assert answer.nearest[0].provenance[0].ordinal == 8


def test_a_denied_premise_is_answered_with_the_denial(corpus: Assistant) -> None:
    answer = corpus.ask("Which convolutional layers does NeRF use to encode the scene?")
    assert (answer.status, answer.reason) == ("answered", "false-premise")
    assert "non-convolutional" in answer.citations[0].quote
    holds(corpus, answer)


def test_a_large_set_makes_more_entries_be_looked_at(tmp_path: Path) -> None:
    rows = [{"title": f"Zebra stripes {n}", "abstract": f"We study zebra stripes of herd {n}."} for n in range(150)]
    rows += [{"title": f"Number theory {n}", "abstract": f"A lemma on primes below {n}."} for n in range(150)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [path])
    assistant = Assistant(tmp_path / "s")
    answer = assistant.ask("which papers study zebra stripes?")
    assistant.close()
    assert len(answer.citations) > 140 and all("Zebra" in str(c.title) for c in answer.citations)


def test_a_title_in_the_question_finds_its_paper(corpus: Assistant) -> None:
    answer = corpus.ask("What does 'Dropout Reduces Underfitting' propose?")
    assert answer.citations[0].title == "Dropout Reduces Underfitting"


def test_the_html_page_marks_each_quote_and_runs_nothing(corpus: Assistant, tmp_path: Path) -> None:
    from assistant.render.html import page

    answer = corpus.ask("what papers study grokking?")
    html = page(answer, corpus.store.ledger.entries([c.id for c in answer.citations]))
    assert html.count("<mark>") == len(answer.citations) and "default-src 'none'" in html
    evil = replace(answer, question="<script>alert(1)</script>", headline='"><img src=x>')
    shown = page(evil, corpus.store.ledger.entries([c.id for c in answer.citations]))
    assert "<script" not in shown and "<img" not in shown


def test_the_html_page_in_a_browser(corpus: Assistant, tmp_path: Path, browser_dom: Callable[[Path], str]) -> None:
    from assistant.render.html import page

    answer = corpus.ask("what papers study grokking?")
    file = tmp_path / "answer.html"
    file.write_text(page(answer, corpus.store.ledger.entries([c.id for c in answer.citations])), encoding="utf-8")
    dom = browser_dom(file)
    assert dom.count("<section") == len({c.n for c in answer.citations})
    assert all(" ".join(html_escape(c.quote, quote=False).split()) in dom for c in answer.citations)


def test_a_reader_that_closes_the_pipe_is_no_defect(corpus_store: Path, tmp_path: Path) -> None:
    code = "from assistant.faces.entry import main; main()"
    command = [sys.executable, "-c", code, "search", "neural networks", "-k", "400", "--store", str(corpus_store)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0 and process.stderr.read() == ""


def test_mentions_are_every_paper_with_the_word(corpus: Assistant) -> None:
    answer = corpus.ask("how many papers mention ImageNet?")
    entries = corpus.store.ledger.entries().values()
    held = {e.id for e in entries if re.search(r"\bimagenet\b", f"{e.title} {e.abstract}", re.IGNORECASE)}
    assert {c.id for c in answer.citations} >= held and len(answer.citations) <= len(held) + 1


def test_an_enumeration_is_the_union_of_its_members(corpus: Assistant) -> None:
    answer = corpus.ask("papers about chest x-rays, skin disease, brain tumours and Alzheimer's")
    titles = " ".join(str(c.title) for c in answer.citations)
    assert answer.status == "answered" and all(word in titles for word in ("X-ray", "Skin Disease"))


def test_a_question_about_the_corpus_gets_its_size(corpus: Assistant) -> None:
    assert "485 papers" in corpus.ask("how many papers are there?").text


def test_a_deleted_index_is_said_not_answered_with_nothing(corpus_store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "s"
    shutil.copytree(corpus_store, copy)
    shutil.rmtree(copy / "chroma")
    result = run("ask", "grokking", "--store", str(copy), home=tmp_path)
    assert result.returncode == 2 and "doctor --repair" in result.stderr
    assert run("doctor", "--repair", "--store", str(copy), home=tmp_path).returncode == 0
    assert "Grokking" in run("ask", "grokking", "--store", str(copy), home=tmp_path).stdout


def test_a_detail_that_the_abstract_never_names_is_not_made_up(corpus: Assistant) -> None:
    answer = corpus.ask("How many GPUs were used to train SqueezeBERT?")
    assert (answer.status, answer.reason) == ("abstained", "not-in-abstracts")
    assert "SqueezeBERT" in str(answer.nearest[0].title)
