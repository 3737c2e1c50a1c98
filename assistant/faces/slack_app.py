"""Slack: mentions, a slash command and assistant threads, over Socket Mode (``assistant slack``)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from slack_bolt import App
from slack_bolt import Assistant as Threads
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from assistant.answering.checked import Checked
from assistant.core import Assistant
from assistant.faces.addresses import address
from assistant.faces.http.chat import Writer
from assistant.faces.replay import replayed
from assistant.render.export import markdown_text
from assistant.types import Citation
from store.errors import SettingsError, UserError

COMMAND = "/papers"
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_LONGEST = 12_000
_REPLIES = 30
_GREETING = "Ask me about the papers: a question, or *which papers ...* for a whole set. Every sentence I give has its source."
_PROMPTS = [
    {"title": "Which papers ...", "message": "Which papers study "},
    {"title": "Compare two papers", "message": "How do A and B differ?"},
]


def slack_text(text: str) -> str:
    """Text on one line for Slack's Markdown: nothing in it is markup, a mention or a link."""
    plain = re.sub(r"\\([<>])", r"\1", markdown_text(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass
class SlackWriter(Writer):
    """Writes answers for Slack, with a compact list of sources."""

    def escape(self, text: str) -> str:
        """Text of a paper or a model, harmless in Slack."""
        return slack_text(text)

    def shown(self, citation: Citation) -> str:
        """A source: its title, linked where the paper has an address."""
        title = self.escape(citation.title or "Untitled")
        url = address(citation.url)
        return f"[{title}]({quote(url, safe=':/?#@!$&*+,;=%-._~')})" if url else title


def cut(text: str) -> str:
    """At most as long as a block may be."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 40].rsplit("\n", 1)[0] + "\n[cut: longer than Slack shows]"


def blocks(text: str) -> list[dict[str, str]]:
    """A message as a block of Markdown."""
    return [{"type": "markdown", "text": cut(text)}]


def told(assistant: Assistant, question: str, before: Sequence[str]) -> Iterator[str]:
    """An answer's text bit by bit; an error is a sentence."""
    writer = SlackWriter("", footer=True)
    try:
        for one in assistant.stream(question, turns=replayed(assistant, before)):
            text = writer.add(one) if isinstance(one, Checked) else writer.finish(one)
            if text:
                yield text
    except UserError as error:
        yield slack_text(str(error))


def questions_before(client: WebClient, channel: str, thread: str, until: str, mentioned: bool) -> list[str]:
    """What people asked earlier in a thread.

    Args:
        client: of Slack.
        channel: of the thread.
        thread: its first message.
        until: the message that is answered now.
        mentioned: only messages that mention the program count.
    """
    try:
        messages = client.conversations_replies(channel=channel, ts=thread, limit=_REPLIES).get("messages") or []
    except SlackApiError:
        # Without the scope to read a thread, a follow-up must stand alone.
        return []
    asked = [m for m in messages if not m.get("bot_id") and m.get("ts") != until and (not mentioned or _MENTION.search(m.get("text", "")))]
    return [text for m in asked if (text := question_of(m.get("text", "")))]


def question_of(text: str) -> str:
    """The question in a message: without mentions, entities resolved."""
    plain = _MENTION.sub(" ", text)
    return " ".join(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split())


def make_app(assistant: Assistant, **options: Any) -> App:
    """The Slack app.

    Args:
        assistant: who answers.
        options: of :class:`slack_bolt.App`: token, client, signing_secret.
    """
    app = App(name="papers", logger=logging.getLogger("assistant.slack"), **options)

    @app.event("app_mention")
    def mentioned(event: Mapping[str, Any], client: WebClient) -> None:
        thread = event.get("thread_ts") or event["ts"]
        before = questions_before(client, event["channel"], thread, event["ts"], True) if event.get("thread_ts") else []
        text = "".join(told(assistant, question_of(event.get("text", "")), before)).strip()
        client.chat_postMessage(
            channel=event["channel"], thread_ts=thread, blocks=blocks(text), text=cut(text), unfurl_links=False, unfurl_media=False
        )

    @app.command(COMMAND)
    def command(ack: Any, command: Mapping[str, Any], respond: Any) -> None:
        # Slack waits three seconds for this.
        ack()
        text = "".join(told(assistant, question_of(command.get("text", "")), [])).strip()
        respond(blocks=blocks(text), text=cut(text), response_type="ephemeral", unfurl_links=False)

    threads = Threads()

    @threads.thread_started
    def started(say: Any, set_suggested_prompts: Any) -> None:
        say(_GREETING)
        set_suggested_prompts(prompts=_PROMPTS)

    @threads.user_message
    def asked(payload: Mapping[str, Any], client: WebClient, set_status: Any, say_stream: Any) -> None:
        set_status("is looking through the papers")
        before = questions_before(client, payload["channel"], payload["thread_ts"], payload["ts"], False)
        stream = say_stream()
        length = 0
        for text in told(assistant, question_of(payload.get("text", "")), before):
            room = _LONGEST - length
            if room <= 0:
                break
            stream.append(markdown_text=text[:room])
            length += len(text)
        stream.stop()

    app.use(threads)
    return app


def run(assistant: Assistant) -> None:
    """Answer in Slack until stopped.

    Raises:
        SettingsError: a token is missing, or Slack does not know it.
    """
    from slack_bolt.adapter.socket_mode import SocketModeHandler
    from slack_bolt.error import BoltError

    tokens = {name: os.environ.get(name, "") for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")}
    for name, value in tokens.items():
        if not value:
            raise SettingsError(f"The environment variable {name} is not set.", "Set it to the app's token (docs/chat-tools.md).")
    try:
        handler = SocketModeHandler(make_app(assistant, token=tokens["SLACK_BOT_TOKEN"]), tokens["SLACK_APP_TOKEN"])
    except (BoltError, SlackApiError) as error:
        raise SettingsError(f"Slack does not take the token ({error}).", "Check SLACK_BOT_TOKEN and SLACK_APP_TOKEN.") from None
    handler.start()  # type: ignore[no-untyped-call]
