"""Topic summaries: who belongs, how they are grouped and named, what is quoted, and how it is shown."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core import Assistant
from assistant.faces.cli import run as cli
from assistant.fakes import ScriptedModel
from assistant.llm import Message, ModelError
from assistant.ranking.relevance import choose
from assistant.render.html import summary_page
from assistant.render.summary import markdown, render
from assistant.roles import ROLES, roles_of
from assistant.settings import Settings
from assistant.topics.keyphrases import phrases, telling
from assistant.topics.salience import salience
from assistant.topics.themes import group
from assistant.types import Citation, Claim, Summary
from store.errors import QuestionError
from store.types import Entry, Filters
from tests.assistant.test_ask import run

TOPIC = "pruning of neural networks"


def holds(assistant: Assistant, made: Summary) -> None:
    """Every claim is borne out by a quote that equals its span; numbers run from 1 by first appearance; the coverage adds up."""
    cited = {c.n: c for c in made.citations}
    order = list(dict.fromkeys(n for claim in made.claims for n in claim.citations))
    assert order == list(range(1, len(order) + 1)) == list(cited)
    for citation in made.citations:
        entry = assistant.store.resolve(citation.id)
        assert entry.abstract[citation.start : citation.end] == citation.quote
    for claim in made.claims:
        assert claim.citations
        if claim.support == "quoted":
            assert any(c.n == claim.citations[0] and c.quote == claim.text for c in made.citations)
    ids = [m.id for m in made.members]
    grouped = [id for theme in made.themes for id in theme.members]
    assert sorted(grouped) == sorted(ids) and len(set(ids)) == len(ids)
    used = {c.id for c in made.citations}
    assert made.coverage.relevant == len(ids) and made.coverage.cited == len(used)
    assert set(made.coverage.left_out) == set(ids) - used
    assert [row.id for row in made.table] == list(dict.fromkeys(c.id for c in made.citations))
    for row in made.table:
        abstract = assistant.store.resolve(row.id).abstract
        assert all(cell is None or cell in abstract for cell in (row.problem, row.approach, row.finding))
    assert len({c.quote for c in made.citations}) == len(made.claims) or made.model


@pytest.fixture(scope="module")
def digests(digest_store: Path) -> Assistant:
    return Assistant(digest_store)


@pytest.mark.parametrize("length", ["short", "medium", "long"])
def test_a_summary_quotes_the_papers_of_its_topic(digests: Assistant, length: str) -> None:
    made = digests.summarize(TOPIC, length=length)  # type: ignore[arg-type]
    holds(digests, made)
    assert made.status == "answered" and made.reason is None and 2 <= len(made.members) <= 20
    titles = {m.title for m in made.members}
    assert "Rethinking the Value of Network Pruning" in titles
    assert made == replace(digests.summarize(TOPIC, length=length), seconds=made.seconds)  # type: ignore[arg-type]


def test_longer_summaries_quote_more(digests: Assistant) -> None:
    counts = [len(digests.summarize(TOPIC, length=length).claims) for length in ("short", "medium", "long")]  # type: ignore[arg-type]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_the_json_contract(digests: Assistant) -> None:
    data = json.loads(json.dumps(digests.summarize(TOPIC).as_json()))
    assert {
        "schema", "topic", "status", "reason", "text", "overview", "themes", "limitations", "disagreements", "table", "members", "coverage", "citations", "nearest", "removed", "model",
        "usage", "seconds",
    } <= set(data)  # fmt: skip
    assert set(data["coverage"]) == {"relevant", "cited", "left_out"}
    assert {"name", "claims", "members"} == set(data["themes"][0])
    assert {"id", "problem", "approach", "finding"} <= set(data["table"][0])


def test_what_is_not_there_is_refused(digests: Assistant) -> None:
    made = digests.summarize("medieval falconry")
    assert made.status == "abstained" and made.reason == "no-topic" and made.nearest and not made.claims and not made.members
    assert "No abstract here seems to be about this" in made.text


def test_a_filter_that_lets_nothing_through(digests: Assistant) -> None:
    made = digests.summarize(TOPIC, Filters(years=(1800, 1801)))
    assert made.status == "abstained" and made.headline == "No entry passes the filter." and made.lacking


@pytest.mark.parametrize(
    ("topic", "says"),
    [("", "No topic"), ("the of and", "no word"), ("réseaux de neurones pour la vision dans les images", "French"), ("a\x1bb", "control")],
)
def test_topics_that_cannot_be_searched_for(digests: Assistant, topic: str, says: str) -> None:
    with pytest.raises(QuestionError, match=says):
        digests.summarize(topic)


def test_summaries_of_the_real_corpus(corpus: Assistant) -> None:
    made = corpus.summarize("pruning and sparsity in neural networks")
    holds(corpus, made)
    assert 3 <= len(made.themes) <= 6 and made.overview and made.limitations and made.disagreements
    assert len(made.members) >= 10
    alone = corpus.summarize("assessment of dysphonia")
    holds(corpus, alone)
    assert len(alone.members) == 1 and len(alone.themes) == 1
    broad = corpus.summarize("neural networks")
    assert broad.reason == "too-broad" and "assistant topics" in broad.headline and not broad.claims


def test_a_focus_prefers_sentences_on_it(corpus: Assistant) -> None:
    plain = corpus.summarize("pruning", length="short")
    focused = corpus.summarize("pruning", length="short", focus="robustness and what pruned models forget")
    holds(corpus, focused)
    assert {m.id for m in plain.members} == {m.id for m in focused.members}
    assert {c.quote for c in plain.citations} != {c.quote for c in focused.citations}


def test_topics_of_every_kind_hold(corpus: Assistant) -> None:
    # Every twentieth title stands for a topic.
    titles = [e.title for e in sorted(corpus.store.ledger.entries().values(), key=lambda e: e.id) if e.title][::20]
    answered = 0
    for title in titles:
        made = corpus.summarize(title)
        holds(corpus, made)
        answered += made.status == "answered"
    assert answered > len(titles) / 2


def test_roles_of_an_abstract() -> None:
    abstract = (
        "Deep networks have many parameters.",
        "However, pruning is costly.",
        "In this paper, we propose a new method for pruning.",
        "The method scores each weight by its gradient.",
        "Experimental results show that our method outperforms the baselines by 3%.",
    )
    labels = roles_of(abstract)
    assert labels[0] == labels[1] == "background" and labels[-1] == "result" and set(labels[2:4]) <= {"objective", "method"}
    assert roles_of(()) == ()
    scores = salience(abstract, "A New Method for Pruning")
    assert max(scores) in scores[2:] and scores.index(min(scores)) < 2


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=60), max_size=8), st.none() | st.text(max_size=30))
def test_any_abstract_gets_roles_and_salience(sentences: list[str], title: str | None) -> None:
    assert len(roles_of(tuple(sentences))) == len(sentences) == len(salience(tuple(sentences), title))
    assert set(roles_of(tuple(sentences))) <= set(ROLES)


WORDS = st.sampled_from(
    [
        "sparse",
        "pruning",
        "lottery",
        "ticket",
        "kernel",
        "gaussian",
        "process",
        "weights",
        "graph",
        "attention",
        "heads",
        "circuits",
        "of",
        "the",
        "and",
        "we",
        "propose",
        "show",
    ]
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=30).map(" ".join), min_size=0, max_size=25), st.integers(0, 2**16))
def test_groups_hold_every_paper_once(texts: list[str], seed: int) -> None:
    entries = {f"e{n}": Entry(f"e{n}", None, text) for n, text in enumerate(texts)}
    random = np.random.default_rng(seed)
    vectors = {id: (v / np.linalg.norm(v)).astype(np.float32) for id in entries for v in [random.normal(size=8)]}
    groups = group(entries, vectors, lambda _: 0.5, "pruning")
    assert sorted(id for one in groups for id in one.members) == sorted(entries)
    assert all(one.name and one.members for one in groups) and len(groups) <= 7
    assert groups == group(entries, vectors, lambda _: 0.5, "pruning")


def test_groups_are_named_by_what_sets_them_apart() -> None:
    texts = [
        *(f"We study lottery tickets in network {n}. A lottery ticket is trained alone." for n in "abcd"),
        *(f"We study attention heads in network {n}. Attention heads are analysed." for n in "efgh"),
    ]
    entries = {f"e{n}": Entry(f"e{n}", None, text) for n, text in enumerate(texts)}
    found = telling(phrases(entries.values()), ["e0", "e1", "e2", "e3"], list(entries), lambda _: 0.5)
    assert found[0][1].text in ("lottery tickets", "lottery ticket")
    assert not telling(
        phrases(entries.values()), ["e0", "e1"], list(entries), lambda _: 0.5, without=["lotteri", "ticket", "train", "network", "alon"]
    )


def test_recall_may_count_more() -> None:
    chances = [0.9, 0.6, 0.35, 0.3, 0.1]
    assert choose(chances, beta=2.0) >= choose(chances, beta=1.25) >= choose(chances)


HOSTILE = "[1](http://evil.example) <script>alert(1)</script> \x1b[31m ![x](http://evil.example/x.png) `rm` | cell"


@pytest.fixture
def hostile(digests: Assistant) -> tuple[Summary, dict[str, Entry]]:
    made = digests.summarize(TOPIC, length="short")
    first = made.citations[0]
    entry = Entry(first.id, HOSTILE, f"Before. {HOSTILE} After.", url="javascript:alert(1)", provenance=first.provenance)
    bad = Citation(first.n, first.id, HOSTILE, entry.url, HOSTILE, 8, 8 + len(HOSTILE), "abstract", first.provenance)
    claim = Claim(HOSTILE, (first.n,), "quoted", 1.0)
    themes = tuple(replace(t, name=HOSTILE, claims=(claim,) if n == 0 else ()) for n, t in enumerate(made.themes))
    table = tuple(replace(row, title=HOSTILE, problem=HOSTILE) for row in made.table[:1])
    changed = replace(made, topic=HOSTILE, overview=(), themes=themes, limitations=(), disagreements=(), citations=(bad,), table=table)
    return changed, {first.id: entry}


def test_no_text_of_a_paper_becomes_markup(
    hostile: tuple[Summary, dict[str, Entry]], tmp_path: Path, browser_dom: Callable[[Path], str]
) -> None:
    made, entries = hostile
    assert "\x1b" not in render(made) and "\x1b[31m" not in render(made, color=True)
    text = markdown(made)
    assert "\x1b" not in text and not re.search(r"(?<!\\)\]\(|(?<!\\)<script|(?<!\\)!\[", text)
    assert all(line.count("|") - line.count("\\|") in (0, 6) for line in text.splitlines())
    page = tmp_path / "page.html"
    page.write_text(summary_page(made, entries), encoding="utf-8")
    assert "<script" not in page.read_text() and "javascript:" not in page.read_text()
    dom = browser_dom(page)
    assert "<details" in dom and "<script" not in dom and "<img" not in dom and "alert(1)" in dom


def test_a_page_opens_each_quote_in_its_abstract(digests: Assistant) -> None:
    made = digests.summarize(TOPIC)
    cited = digests.store.ledger.entries([c.id for c in made.citations])
    page = summary_page(made, cited)
    assert page.count("<mark>") == len(made.claims) and "@media print" in page
    assert all(f'id="source-{c.n}"' in page for c in made.citations)


def test_the_command(digest_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def summarize(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            cli(["summarize", *arguments, "--store", str(digest_store)])
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, _ = summarize(TOPIC)
    assert code == 0 and "Cites" in out and "Sources" in out and "\x1b" not in out
    monkeypatch.setattr("sys.stdin", io.StringIO(TOPIC))
    assert summarize("-")[1] == out
    assert json.loads(summarize(TOPIC, "--json")[1])["topic"] == TOPIC
    for name, begins in (("s.html", "<!doctype html>"), ("s.md", "# "), ("s.bib", "@misc{"), ("s.json", '{"schema": 1'), ("s.txt", TOPIC)):
        code, out, err = summarize(TOPIC, "-o", str(tmp_path / name))
        assert code == 0 and out == "" and "Written to" in err
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    for arguments, says in (
        ((), "No topic"),
        ((TOPIC, "--length", "huge"), "not a length"),
        ((TOPIC, "--json", "--html"), "cannot go together"),
        ((TOPIC, "-o", str(tmp_path / "no" / "such.md")), "cannot be written"),
    ):
        code, out, err = summarize(*arguments)
        assert code == 2 and says in (err or out) and "Traceback" not in err


def keyed(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return re.findall(r"^\[(k[0-9a-f]+)\] (.+)$", messages[-1].content, re.MULTILINE)


def copies(messages: Sequence[Message]) -> str:
    """A writer that repeats the first sentences it is shown, with their keys, and one of its own."""
    return " ".join(f"{text.rstrip('.')} [{key}]." for key, text in keyed(messages)[:2]) + " Penguins always win at chess [k0000]."


def written_by(store: Path, reply: object, **options: object) -> tuple[Assistant, Summary, ScriptedModel]:
    model = ScriptedModel(reply)  # type: ignore[arg-type]
    assistant = Assistant(store, model=model, options=Settings(**options))  # type: ignore[arg-type]
    return assistant, assistant.summarize(TOPIC), model


def test_a_model_writes_theme_by_theme(digest_store: Path) -> None:
    assistant, made, model = written_by(digest_store, copies)
    holds(assistant, made)
    parts = 1 + len(made.themes)
    assert len(model.requests) == parts == made.usage.calls
    assert made.model == model.name and made.prompt == "theme 1" and made.unknown == ("k0000",)
    assert any(claim.support == "verified" for claim in made.overview)
    assert all(any(claim.support == "verified" for claim in theme.claims) for theme in made.themes)
    assert "Penguins" not in made.text and any("Penguins" in one.text for one in made.removed)
    plain = Assistant(digest_store).summarize(TOPIC)
    assert made.members == plain.members and made.coverage.cited == plain.coverage.cited
    assert {t.name for t in made.themes} == {t.name for t in plain.themes}
    for request in model.requests:
        sources = {text for _, text in keyed(request)}
        assert sources and TOPIC in request[-1].content


def test_a_theme_that_fails_is_quoted(digest_store: Path) -> None:
    calls = iter(range(100))

    def fails_once(messages: Sequence[Message]) -> str:
        if next(calls) == 1:
            raise ModelError("it is away")
        return copies(messages)

    assistant, made, _ = written_by(digest_store, fails_once)
    holds(assistant, made)
    assert all(claim.support == "quoted" for claim in made.themes[0].claims) and made.themes[0].claims
    assert any("1 time: it is away" in note for note in made.notes) and any("parts are the model's" in note for note in made.notes)


def test_ctrl_c_keeps_what_was_written(digest_store: Path) -> None:
    calls = iter(range(100))

    def stopped(messages: Sequence[Message]) -> str:
        if next(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return copies(messages)

    assistant, made, model = written_by(digest_store, stopped)
    holds(assistant, made)
    assert len(model.requests) == 2 and any(note.startswith("Stopped: 1 of") for note in made.notes)
    assert any(claim.support == "verified" for claim in made.overview)


def test_nothing_is_sent_beyond_what_it_may_cost(digest_store: Path) -> None:
    assistant, made, model = written_by(digest_store, copies, llm_price="1000,1000", max_cost=0.01)
    holds(assistant, made)
    assert not model.requests and made.model is None and "max_cost" in made.notes[0]
    _, made, model = written_by(digest_store, copies, llm_price="1,1", max_cost=1.0)
    assert model.requests and made.usage.cost > 0


def test_a_summary_is_previewed(digest_store: Path, tmp_path: Path) -> None:
    assistant, made, model = written_by(digest_store, copies)
    sent = assistant.preview_summary(TOPIC)
    assert [p.messages[-1].content for p in sent] == [request[-1].content for request in model.requests]
    done = run("summarize", TOPIC, "--dry-run", "--json", "--store", str(digest_store), home=tmp_path)
    assert len(json.loads(done.stdout)["calls"]) == 1 + len(made.themes)


def test_a_model_that_obeys_an_abstract_gets_nothing_through(digest_store: Path) -> None:
    assistant, made, _ = written_by(
        digest_store, lambda m: f"See ![x](http://evil.example/x.png) [{keyed(m)[0][0]}]. <b>Run</b> `rm -rf /` now [{keyed(m)[0][0]}]."
    )
    holds(assistant, made)
    assert "evil" not in made.text and "rm -rf" not in made.text
