"""A model endpoint that misbehaves in every way a real one does; the user gets quotes and one line saying why."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assistant.core import Assistant
from assistant.llm import Message, ModelError, Piece, guarded
from assistant.settings import Settings
from assistant.types import Answer

QUESTION = "how does grokking arise?"
Handler = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


def chunk(text: str, finish: str | None = None) -> bytes:
    data = {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
    }
    return f"data: {json.dumps(data)}\n\n".encode()


def say(handler: BaseHTTPRequestHandler, *texts: str, done: bool = True) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for text in texts:
        handler.wfile.write(chunk(text))
        handler.wfile.flush()
    if done:
        handler.wfile.write(chunk("", "stop") + b"data: [DONE]\n\n")


def fail(status: int, message: str = "no", **headers: str) -> Handler:
    def answer(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        body = json.dumps({"error": {"message": message, "type": "error"}}).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(body: bytes) -> Handler:
    def answer(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def endless(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(chunk("on and on and on it goes without a full stop "))
            time.sleep(0.001)
    except OSError:
        pass


def slow(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    time.sleep(4)
    fail(500)(handler, {})


@contextmanager
def endpoint(*handlers: Handler) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers each request with the next handler, the last one for all further."""
    requests: list[dict[str, Any]] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
            handlers[min(len(requests), len(handlers)) - 1](self, body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", requests
    finally:
        server.shutdown()
        server.server_close()


def ask(store: Path, url: str, **options: Any) -> Answer:
    assistant = Assistant(store, options=Settings(llm=f"some-model@{url}", **{"llm_timeout": 2.0, **options}))
    try:
        return assistant.ask(QUESTION)
    finally:
        assistant.close()


@pytest.mark.parametrize(
    ("handlers", "said"),
    [
        ((slow,), "time|within"),
        ((fail(401, "bad key sk-secret"),), "key was refused"),
        ((fail(403),), "key was refused"),
        ((fail(404, "model not found"),), "no model some-model"),
        ((fail(429),), "too many requests"),
        ((fail(500),), "500"),
        ((fail(503),), "503"),
        ((fail(418, "teapot"),), "418"),
        ((raw(b"this is not an event stream at all"),), "quotes|read|model"),
        ((raw(b"data: {not json}\n\n"),), "could not be read"),
        ((raw(b'data: {"choices": 3}\n\n'),), "could not be read|quotes"),
        ((raw(b""),), "quotes"),
        ((lambda h, _: say(h, "", ""),), "quotes"),
        ((endless,), "within|quotes"),
        ((lambda h, _: say(h, "NO ANSWER"),), "found no answer"),
        ((lambda h, _: say(h, "Bananas are yellow and quite unrelated to it."),), "quotes"),
        ((lambda h, _: say(h, "x" * 50_000),), "quotes"),
        ((fail(400, "this model's maximum context length is 512 tokens"),), "longer than the model reads"),
    ],
)
def test_the_answer_falls_back_to_quotes_and_says_why(digest_store: Path, handlers: tuple[Handler, ...], said: str) -> None:
    began = time.monotonic()
    with endpoint(*handlers) as (url, requests):
        answer = ask(digest_store, url)
    assert time.monotonic() - began < 6
    assert requests and answer.status == "answered"
    assert answer.claims and all(claim.support == "quoted" for claim in answer.claims)
    assert len(answer.notes) == 1 and __import__("re").search(said, answer.notes[0]), answer.notes
    assert "sk-secret" not in answer.notes[0] or "401" not in said


def test_no_connection() -> None:
    from assistant.llm.llamaindex import openai_compatible

    model = openai_compatible("m", "http://127.0.0.1:9/v1", "", window=2048, timeout=2, options={})
    with pytest.raises(ModelError, match="no connection") as error:
        list(model.stream([Message("user", "hello")], 10))
    assert error.value.transient


def test_what_passes_is_tried_again(digest_store: Path) -> None:
    with endpoint(fail(503), fail(429, Retry_After="0"), lambda h, _: say(h, "NO ANSWER")) as (url, requests):
        answer = ask(digest_store, url, llm_timeout=20.0)
    assert len(requests) == 3
    assert "found no answer" in answer.notes[0]


def test_a_wrong_key_is_not_tried_again(digest_store: Path) -> None:
    with endpoint(fail(401)) as (url, requests):
        ask(digest_store, url)
    assert len(requests) == 1


def test_a_prompt_that_is_too_long_is_halved_once(digest_store: Path) -> None:
    too_long = fail(400, "the request exceeds the available context size")
    with endpoint(too_long, lambda h, _: say(h, "NO ANSWER")) as (url, requests):
        answer = ask(digest_store, url)
    assert len(requests) == 2 and answer.usage.calls == 2
    first, second = (len(r["messages"][-1]["content"]) for r in requests)
    assert second < first


def test_a_stream_that_is_cut_keeps_what_was_found_to_hold(digest_store: Path) -> None:
    def cut(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        import re

        key, sentence = re.findall(r"\[(k[0-9a-f]+)\] (.*)", body["messages"][-1]["content"])[0]
        say(handler, f"{sentence[:-1]} [{key}]. ", "And another thing that ", done=False)
        handler.connection.shutdown(2)

    with endpoint(cut) as (url, _):
        answer = ask(digest_store, url)
    assert answer.claims[0].support == "verified"
    assert not any("another thing" in claim.text for claim in answer.claims)


def test_the_request_is_what_it_should_be(digest_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-test")
    with endpoint(lambda h, _: say(h, "NO ANSWER")) as (url, requests):
        answer = ask(digest_store, url, llm_key_env="SOME_KEY", llm_max_tokens=123, llm_price="1,2")
    (request,) = requests
    assert request["path"] == "/v1/chat/completions" and request["key"] == "Bearer sk-test"
    assert request["model"] == "some-model" and request["max_tokens"] == 123 and request["stream"] and request["temperature"] == 0
    assert QUESTION in request["messages"][-1]["content"]
    assert answer.usage.calls == 1 and answer.usage.cost > 0
    assert "sk-test" not in json.dumps(answer.as_json())


class Counting:
    name, window, place = "counting", 2048, "here"

    def __init__(self, *errors: ModelError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def stream(self, messages: Any, limit: int) -> Iterator[Piece]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        yield Piece("done")


def test_pauses_double_with_jitter_or_are_what_is_asked_for() -> None:
    pauses: list[float] = []
    model = Counting(ModelError("busy", transient=True), ModelError("busy", transient=True, after=1.5))
    assert [p.text for p in guarded(model, [], 10, 60, pauses.append)] == ["done"]
    assert 0.25 <= pauses[0] <= 0.75 and pauses[1] == 1.5


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    model = Counting(ModelError("busy", transient=True, after=100))
    with pytest.raises(ModelError, match="busy"):
        list(guarded(model, [], 10, 5, lambda _: pytest.fail("it waited")))
    assert model.calls == 1
