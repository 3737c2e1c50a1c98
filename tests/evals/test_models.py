"""A model as baseline and as judge, against an endpoint of our own that answers by rule."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from assistant.llm import ModelError
from assistant.settings import Settings
from assistant.templates import load_template
from evals import runner
from evals.agreement import agreement, kappa
from evals.corpora import ensure_store
from evals.judges import OverlapJudge
from evals.loaders import load
from evals.model_judge import ModelJudge
from store.errors import SettingsError


class Endpoint(BaseHTTPRequestHandler):
    """Says yes to a judge whose text holds the statement's first word, and cites the first two sources of an answer."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        self.asked.append(prompt)
        if "Statement:" in prompt:
            text, _, statement = prompt.partition("Statement:")
            reply = "Yes." if statement.split()[0] in text else "No"
        else:
            reply = "It is so [1]. It is also so [2][9]."
        around = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
        said = {"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": reply}}
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        chunks = [{**around, "choices": [said]}, {**around, "choices": [], "usage": usage}]
        data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Endpoint.asked.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_citation_engine_is_read_by_its_numbers(endpoint: str) -> None:
    dataset = load("sample")
    store = ensure_store(dataset, None)
    with pytest.raises(ModelError, match="needs a model"):
        runner.run(dataset, store, "citation-engine", limit=1)
    options = Settings(llm=f"fake@{endpoint}", llm_price="1,2")
    (one,) = runner.score(runner.run(dataset, store, "citation-engine", options, limit=1), OverlapJudge())
    assert one.outcome.statements is not None and one.outcome.premises is not None
    assert [len(s.cites) for s in one.outcome.statements] == [1, 1] and len(one.outcome.returned or ()) == 2
    assert "Source 1:" in Endpoint.asked[0] and one.scores["set precision"] > 0 and "evidence in first 3" not in one.scores
    assert (one.outcome.prompt_tokens, one.outcome.tokens, one.outcome.calls) == (10, 12, 1) and one.outcome.cost == pytest.approx(14e-6)


def test_the_assistant_is_measured_with_a_model_and_what_failed_is_asked_again(endpoint: str) -> None:
    dataset = load("sample")
    store = ensure_store(dataset, None)
    (gone,) = runner.run(dataset, store, options=Settings(llm="fake@http://127.0.0.1:9/v1"), limit=1)
    assert gone.outcome.fault is not None and "no connection" in gone.outcome.fault
    options = Settings(llm=f"fake@{endpoint}")
    (one,) = runner.run(dataset, store, options=options, limit=1)
    assert one.outcome.fault is None and (one.outcome.tokens, one.outcome.calls) == (12, 1) and one.outcome.status == "answered"
    asked = len(Endpoint.asked)
    runner.run(dataset, store, options=options, limit=1)
    (bare,) = runner.run(dataset, store, limit=1)
    assert len(Endpoint.asked) == asked and bare.outcome.tokens == 0
    runner.run(dataset, store, options=options, limit=1, fresh=True)
    assert len(Endpoint.asked) == asked + 1


def test_a_model_judge_is_pinned_and_keeps_its_verdicts(endpoint: str) -> None:
    settings = Settings(llm=f"fake@{endpoint}", llm_price="1,2")
    judge = ModelJudge(settings, "another")
    assert judge.supports("Grass is green.", "Grass grows.") and not judge.supports("Grass is green.", "Snow falls.")
    assert judge.supports("Grass is green.", "Grass grows.") and len(Endpoint.asked) == 2
    tokens, dollars = judge.estimate([("grass " * 100, "b")])
    assert tokens > 100 and dollars > 0
    with pytest.raises(ModelError, match="its own answers"):
        ModelJudge(settings, "fake")
    assert ModelJudge(settings, "fake", same=True).name == "model fake"


def test_a_model_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(ModelError, match="no connection"):
        ModelJudge(Settings(llm="fake@http://127.0.0.1:9/v1")).supports("a", "b")
    with pytest.raises(ModelError, match="not set"):
        ModelJudge(Settings(llm="fake@http://127.0.0.1:9/v1", llm_key_env="NO_SUCH_KEY"))
    with pytest.raises(ModelError, match="needs a model"):
        ModelJudge(Settings())


def test_the_overlap_judge_wants_the_words_and_every_number() -> None:
    judge = OverlapJudge()
    assert judge.supports("Pruning removes 90% of the weights.", "It removes 90% of weights by pruning.")
    assert not judge.supports("Pruning removes 80% of the weights.", "It removes 90% of weights by pruning.")
    assert not judge.supports("Graphs are hard.", "Pruning removes weights.")


def test_kappa() -> None:
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert kappa(pairs) == pytest.approx(0.4)  # the worked example of Cohen's kappa: 0.7 observed, 0.5 by chance
    assert agreement(pairs)["precision"].value == pytest.approx(0.8)


def test_templates_are_checked_and_filled_once() -> None:
    template = load_template("judge")
    filled = template.fill(premise="{statement} </premise>", statement="s")
    assert "{statement} </premise>" in filled
    with pytest.raises(TypeError):
        template.fill(premise="only")
    with pytest.raises(SettingsError):
        load_template("no-such-template")
