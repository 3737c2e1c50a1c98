"""Slack, through Bolt's own request path against a stub of Slack's Web API."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

pytest.importorskip("slack_bolt", reason="the extra slack is not installed")

from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from assistant.core import Assistant
from assistant.faces.slack_app import COMMAND, SlackWriter, blocks, cut, make_app, question_of, slack_text
from assistant.types import Citation
from tests.assistant.test_ask import run

SECRET = "shh"
LIST = "what papers study grokking?"


class Slack:
    """A stub of Slack's Web API that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.replies: list[dict[str, Any]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                kind = self.headers.get("content-type", "")
                data = json.loads(raw or "{}") if "json" in kind else {k: v[0] for k, v in parse_qs(raw).items()}
                method = self.path.split("?")[0].removeprefix("/")
                stub.calls.append((method, data))
                reply: dict[str, Any] = {
                    "ok": True,
                    "ts": "100.1",
                    "channel": "C1",
                    "bot_id": "B1",
                    "user_id": "UBOT",
                    "bot_user_id": "UBOT",
                    "team_id": "T1",
                    "team": "T1",
                    "url": "https://x.slack.com/",
                }
                if method == "conversations.replies":
                    reply["messages"] = stub.replies
                body = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, method: str, seconds: float = 15) -> list[dict[str, Any]]:
        """What a method was told, once it was."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := [data for name, data in list(self.calls) if name == method]:
                return found
            time.sleep(0.02)
        raise TimeoutError(f"{method} was not called: {[name for name, _ in self.calls]}")


@pytest.fixture
def slack() -> Iterator[Slack]:
    stub = Slack()
    yield stub
    stub.server.shutdown()


@pytest.fixture(scope="module")
def papers(digest_store: Path) -> Assistant:
    return Assistant(digest_store, name="papers")


@pytest.fixture
def app(papers: Assistant, slack: Slack) -> App:
    return make_app(papers, client=WebClient("xoxb-valid", base_url=slack.url), signing_secret=SECRET)


def signed(body: str, kind: str) -> BoltRequest:
    now = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=now, body=body)
    headers = {"content-type": [kind], "x-slack-signature": [signature or ""], "x-slack-request-timestamp": [now]}
    return BoltRequest(body=body, headers=headers)


def event(payload: dict[str, Any]) -> BoltRequest:
    body = {
        "token": "x",
        "team_id": "T1",
        "api_app_id": "A1",
        "event": payload,
        "type": "event_callback",
        "event_id": "E1",
        "event_time": 1,
        "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
    }
    return signed(json.dumps(body), "application/json")


def text_of(data: dict[str, Any]) -> str:
    held = data["blocks"] if isinstance(data["blocks"], list) else json.loads(data["blocks"])
    assert [block["type"] for block in held] == ["markdown"] and len(held[0]["text"]) <= 12_000
    return str(held[0]["text"])


def test_a_mention_is_answered_in_its_thread(app: App, slack: Slack) -> None:
    reply = app.dispatch(
        event({"type": "app_mention", "user": "U1", "text": f"<@UBOT> {LIST}", "ts": "1.1", "channel": "C1", "event_ts": "1.1"})
    )
    assert reply.status == 200
    (data,) = slack.told("chat.postMessage")
    text = text_of(data)
    assert data["thread_ts"] == "1.1" and "[1]" in text and "Sources" in text and str(data["unfurl_links"]).lower() in ("false", "0")


def test_a_follow_up_in_a_thread(app: App, slack: Slack) -> None:
    slack.replies = [
        {"text": f"<@UBOT> {LIST}", "user": "U1", "ts": "1.1"},
        {"text": "I am evil now", "bot_id": "B1", "ts": "1.2"},
        {"text": "just chatting", "user": "U2", "ts": "1.3"},
        {"text": "<@UBOT> What does the second one find?", "user": "U1", "ts": "1.4"},
    ]
    app.dispatch(
        event(
            {
                "type": "app_mention",
                "user": "U1",
                "text": "<@UBOT> What does the second one find?",
                "ts": "1.4",
                "thread_ts": "1.1",
                "channel": "C1",
                "event_ts": "1.4",
            }
        )
    )
    text = text_of(slack.told("chat.postMessage")[0])
    assert "Understood as" in text and "evil" not in text


def test_the_command_is_acknowledged_and_answered(app: App, slack: Slack) -> None:
    form = {
        "token": "x",
        "team_id": "T1",
        "channel_id": "C1",
        "user_id": "U1",
        "command": COMMAND,
        "text": LIST,
        "response_url": f"{slack.url}respond",
        "trigger_id": "1",
    }
    began = time.monotonic()
    reply = app.dispatch(signed(urlencode(form), "application/x-www-form-urlencoded"))
    assert reply.status == 200 and time.monotonic() - began < 3
    (data,) = slack.told("respond")
    assert "[1]" in text_of(data) and data["response_type"] == "ephemeral"


def test_an_assistant_thread_is_greeted_and_streamed(app: App, slack: Slack) -> None:
    thread = {"user_id": "U1", "context": {}, "channel_id": "D1", "thread_ts": "2.1"}
    app.dispatch(event({"type": "assistant_thread_started", "assistant_thread": thread, "event_ts": "2.1"}))
    assert "Ask me" in slack.told("chat.postMessage")[0]["text"]
    slack.told("assistant.threads.setSuggestedPrompts")
    slack.replies = [{"text": LIST, "user": "U1", "ts": "2.2"}]
    app.dispatch(
        event(
            {
                "type": "message",
                "channel_type": "im",
                "user": "U1",
                "text": LIST,
                "ts": "2.2",
                "thread_ts": "2.1",
                "channel": "D1",
                "event_ts": "2.2",
            }
        )
    )
    assert slack.told("assistant.threads.setStatus")[0]["status"]
    slack.told("chat.stopStream")
    parts = [data for name, data in slack.calls if name in ("chat.startStream", "chat.appendStream", "chat.stopStream")]
    said = "".join(json.dumps(data) for data in parts)
    assert "[1]" in said and "Sources" in said


def test_a_forged_request_is_refused(app: App, slack: Slack) -> None:
    request = event({"type": "app_mention", "user": "U1", "text": "<@UBOT> x", "ts": "1.1", "channel": "C1", "event_ts": "1.1"})
    request.headers["x-slack-signature"] = ["v0=0000"]
    assert app.dispatch(request).status == 401
    assert not [name for name, _ in slack.calls if name == "chat.postMessage"]


def test_a_bad_question_is_told(app: App, slack: Slack) -> None:
    app.dispatch(event({"type": "app_mention", "user": "U1", "text": "<@UBOT>", "ts": "1.1", "channel": "C1", "event_ts": "1.1"}))
    assert "empty" in text_of(slack.told("chat.postMessage")[0])


def test_nothing_of_a_paper_is_a_mention_or_a_link() -> None:
    bad = "<!channel> <@U1> <http://evil.example|x> [y](http://evil.example) & ![z](http://evil.example/z.png)"
    plain = slack_text(bad)
    assert "<" not in plain and "](" not in plain.replace("\\](", "") and "&amp;" in plain
    shown = SlackWriter("", True).shown(Citation(1, "x", bad, "https://a.example/x) <!here>", "", 0, 0, "abstract", ()))
    assert "<" not in shown and shown.endswith(")") and " " not in shown.rsplit("](", 1)[1]
    assert "<" not in SlackWriter("", True).shown(Citation(1, "x", bad, "javascript:alert(1)", "", 0, 0, "abstract", ()))
    assert len(cut("line\n" * 9000)) <= 12_000 and blocks("x") == [{"type": "markdown", "text": "x"}]
    assert question_of("<@U1> is a &lt; b?") == "is a < b?"


def test_missing_tokens_are_named(digest_store: Path, tmp_path: Path) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        os.environ.pop(name, None)
    done = run("slack", "--store", str(digest_store), home=tmp_path)
    assert done.returncode == 2 and "SLACK_BOT_TOKEN" in done.stderr and "Traceback" not in done.stderr
