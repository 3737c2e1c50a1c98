"""Conversations on a terminal: one question a line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from assistant import history
from assistant.render.terminal import safe
from store.errors import UserError
from store.types import Filters

_HELP = "Ask, and ask on. /new begins anew, /show prints the conversation, /quit or Ctrl-D ends."


def chat(assistant: Any, conversation: history.Conversation, show: Callable[[Any], str], filters: Filters | None, *, keep: bool) -> None:
    """Ask line by line until the end of the input.

    Args:
        assistant: answers.
        conversation: to go on with.
        show: an answer as text.
        filters: only entries that pass.
        keep: keep the conversation after every answer.
    """
    if sys.stdin.isatty():
        print(_HELP, file=sys.stderr)
    for line in _lines():
        text = line.strip()
        if not text:
            continue
        if text in ("/quit", "/exit"):
            return
        if text == "/new":
            conversation = history.new()
            print("A new conversation.", file=sys.stderr)
            continue
        if text == "/show":
            print("\n".join(f"> {safe(t.asked)}\n{t.text}\n" for t in conversation.turns))
            continue
        if text.startswith("/"):
            print(_HELP, file=sys.stderr)
            continue
        try:
            answer = assistant.ask(text, filters, conversation.turns)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            continue
        except KeyboardInterrupt:
            # Ends this answer, not the conversation.
            print("\nStopped.", file=sys.stderr)
            continue
        print(show(answer), flush=True)
        conversation = conversation.after(text, answer)
        if keep:
            try:
                history.save(conversation)
            except UserError as error:
                keep = False
                print(f"Note: {error}", file=sys.stderr)


def _lines() -> Iterator[str]:
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (line editing)
    while True:
        try:
            yield input("> ")
        except EOFError:
            print(file=sys.stderr)
            return
        except KeyboardInterrupt:
            print(file=sys.stderr)
