"""How an answer comes to the screen: what would be sent for it, as it is written, and whole in one of the formats."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from assistant.faces.options import print_json, width
from store.types import Filters

FORMATS = ("--json", "--markdown", "--html", "--bibtex", "--csv")


def formatted(assistant: Any, answer: Any, form: str, *, explain: bool = False) -> str:
    """An answer as text.

    Args:
        assistant: who answered.
        answer: the answer.
        form: one of :data:`FORMATS`, or empty for the terminal.
        explain: show scores.
    """
    if form == "--json":
        return json.dumps(answer.as_json(), ensure_ascii=False) + "\n"
    if not form:
        from assistant.render.terminal import render

        return render(answer, width=width(), color=sys.stdout.isatty() and "NO_COLOR" not in os.environ, explain=explain)
    from assistant.render.export import bibtex, markdown, table
    from assistant.render.html import page

    if form in ("--markdown", "--csv"):
        return markdown(answer) if form == "--markdown" else table(answer)
    cited = assistant.store.ledger.entries([c.id for c in answer.citations])
    return page(answer, cited) if form == "--html" else bibtex(answer, cited)


def preview(assistant: Any, text: str, filters: Filters | None, turns: Any, as_json: bool) -> None:
    """Print what a model would be sent for a question, call by call."""
    prompts = assistant.preview(text, filters, turns)
    print_prompts(prompts, assistant.model, as_json)
    if len(prompts) > 1 and not as_json:
        print("The second is for the question as the rules rewrite it; the model's rewriting may differ.", file=sys.stderr)


def print_prompts(prompts: Sequence[Any], model: Any, as_json: bool) -> None:
    """Print prompts, their tokens and what they may cost."""
    if as_json:
        calls = [
            {
                "prompt": f"{p.template.name} {p.template.version}",
                "messages": [dataclasses.asdict(m) for m in p.messages],
                "prompt_tokens": p.tokens,
                "max_cost": p.cost,
            }
            for p in prompts
        ]
        print_json({"schema": 1, "calls": calls})
        return
    if not prompts:
        print("Nothing would be sent: the answer needs no model.")
        return
    name = f"{model.name} ({model.place})" if model else "no model is configured"
    for prompt in prompts:
        print("\n\n".join(f"--- {m.role}\n{m.content}" for m in prompt.messages))
        print(
            f"\n{name}; prompt {prompt.template.name} {prompt.template.version}: {prompt.tokens:,} tokens, and its reply; at most ${prompt.cost:.4f}\n",
            file=sys.stderr,
        )


def streamed(assistant: Any, text: str, filters: Filters | None, turns: Any) -> Any:
    """The answer; each sentence is shown on the terminal once it is found to hold, until the whole answer takes its place."""
    from assistant.answering.checked import Checked
    from assistant.render.terminal import safe

    shown = 0
    answer = None
    for one in assistant.stream(text, filters, turns):
        if isinstance(one, Checked):
            line = safe(one.text)
            print(line, file=sys.stderr, flush=True)
            shown += -(-len(line) // max(1, width()))
        else:
            answer = one
    if shown and sys.stderr.isatty():
        print(f"\x1b[{shown}A\x1b[J", end="", file=sys.stderr, flush=True)
    return answer
