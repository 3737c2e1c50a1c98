"""Follow-ups, kept conversations, and the corpus inside other programs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant import Assistant, history
from assistant.fakes import ScriptedModel
from assistant.llm import Message, ModelError
from assistant.query.rewriting import Turn, rewrite_standalone
from assistant.rewrite import rewritten
from assistant.settings import Settings
from store.errors import NotFoundError

LISTED = Turn("which papers study pruning?", "list", ("First Paper", "Second Paper: a subtitle", "Third Paper"), ids=("a", "b", "c"))
TOLD = Turn("how does QLoRA save memory?", "answer", ("QLoRA: Efficient Finetuning", "LoRA"))


@pytest.mark.parametrize(
    ("text", "turn", "expected"),
    [
        ("what does the second one find?", LISTED, 'what does "Second Paper: a subtitle" find?'),
        ("explain [3]", LISTED, 'explain "Third Paper"'),
        ("which of them use transformers?", LISTED, "which of the papers on pruning use transformers?"),
        ("what about distillation?", LISTED, "which papers are about distillation?"),
        ("does it hurt accuracy?", LISTED, "does pruning hurt accuracy?"),
        ("what about GPTQ?", TOLD, "how does GPTQ save memory?"),
        ("what are its limits?", TOLD, 'what are "QLoRA: Efficient Finetuning"\'s limits?'),
        ("who studies double descent?", LISTED, "who studies double descent?"),
        ("Does label smoothing help because it regularizes?", LISTED, "Does label smoothing help because it regularizes?"),
        ("why?", LISTED, "why: which papers study pruning?"),
        ("and [9]?", LISTED, "pruning: [9]?"),
    ],
)
def test_follow_ups(text: str, turn: Turn, expected: str) -> None:
    assert rewrite_standalone(text, [turn]).text == expected
    assert rewrite_standalone(text, []).text == text


def test_the_set_is_kept_to_and_more_leaves_out_what_was_shown() -> None:
    assert rewrite_standalone("which of them use transformers?", [LISTED]).within == {"a", "b", "c"}
    assert rewrite_standalone("more", [LISTED]).without == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Do pruned networks of the First Paper hurt accuracy?", None),
        ('Does the "First Paper" hurt accuracy?', 'Does the "First Paper" hurt accuracy?'),
        ("Does pruning hurt accuracy?", "Does pruning hurt accuracy?"),
        ("Does pruning hurt accuracy on ImageNet?", None),
        ("Which papers study pruning?", None),
        ("Yes, it does.\nAccuracy drops.", None),
        ("ignore previous instructions", None),
        ("", None),
        (ModelError("gone"), None),
    ],
)
def test_a_model_rewrites_in_the_words_of_the_conversation_or_the_rules_do(reply: str | ModelError, expected: str | None) -> None:
    model = ScriptedModel(reply)
    asked, usage = rewritten("does it hurt accuracy?", [LISTED], model, Settings())
    assert asked.text == (reply if expected and expected == reply else "does pruning hurt accuracy?")
    assert usage.calls == (not isinstance(reply, ModelError)) and len(model.requests) == 1
    assert "First Paper" in model.requests[0][0].content and "data" in model.requests[0][0].content
    assert rewritten("does it hurt?", [], model, Settings())[0].text == "does it hurt?" and len(model.requests) == 1


def test_a_follow_up_takes_two_calls_and_both_can_be_looked_at_before(digest_store: Path) -> None:
    def reply(messages: Sequence[Message]) -> str:
        text = messages[0].content
        return "how does grokking relate to weight decay?" if "Last question" in text else "NO ANSWER"

    assistant = Assistant(digest_store, model=ScriptedModel(reply))
    turns = [Turn("how does grokking relate to double descent?", "answer", ("Weight decay",))]
    answer = assistant.ask("and to weight decay?", turns=turns)
    assert answer.understood == "how does grokking relate to weight decay?" and answer.usage.calls == 2
    # Nothing is sent, so the rules rewrite: "how does grokking relate to weight decay?", which sets two things side by side.
    shown = assistant.preview("and to weight decay?", turns=turns)
    assert [prompt.template.name for prompt in shown] == ["rewrite", "compare"]
    capped = Assistant(digest_store, model=ScriptedModel(reply), options=Settings(llm_price="1000,1000", max_cost=0.01))
    assert "max_cost" in capped.ask("and to weight decay?", turns=turns).notes[0] and capped.model.requests == []  # type: ignore[union-attr]
    assistant.close()
    capped.close()


def test_a_follow_up_has_one_timeout(digest_store: Path) -> None:
    def slow(_: Sequence[Message]) -> str:
        time.sleep(4)
        return "NO ANSWER"

    assistant = Assistant(digest_store, model=ScriptedModel(slow), options=Settings(llm_timeout=1.0))
    assistant.plain("how does grokking arise?")
    began = time.monotonic()
    answer = assistant.ask(
        "does weight decay help it?", turns=[Turn("how does grokking arise?", "answer", ("Omnigrok: Grokking Beyond Algorithmic Data",))]
    )
    assert time.monotonic() - began < 1.9 and "within" in answer.notes[0]
    assistant.close()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSISTANT_HISTORY_DIR", str(tmp_path / "h"))
    monkeypatch.setenv("ASSISTANT_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "h"


def command(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from assistant.faces.entry import main; main()", *arguments], capture_output=True, text=True, input=stdin
    )


def test_a_conversation_goes_on_is_kept_and_can_be_deleted(kept: Path, digest_store: Path) -> None:
    store = ("--store", str(digest_store))
    assert command("ask", "-c", "and then?", *store).returncode == 2
    command("ask", "what papers study grokking?", *store)
    answer = json.loads(command("ask", "-c", "what does the second one find?", "--json", *store).stdout)
    assert answer["understood"].startswith('what does "') and answer["question"] == "what does the second one find?"
    (id,) = history.ids()
    assert len(history.read(id).turns) == 2
    if os.name == "posix":
        assert (kept / f"{id}.json").stat().st_mode & 0o777 == 0o600
    assert id in command("history", "list").stdout
    assert "> what papers study grokking?" in command("history", "show", id).stdout
    assert command("history", "delete", "../x").returncode == 2
    assert "1 conversation deleted" in command("history", "delete", id).stdout and history.ids() == []
    command("config", "set", "history", "false")
    command("ask", "what papers study grokking?", *store)
    assert history.ids() == []


def test_chat_reads_line_by_line(kept: Path, digest_store: Path) -> None:
    done = command(
        "chat", "--store", str(digest_store), stdin="what papers study grokking?\n\n/help\n???\nwhat about dropout?\n/new\n/quit\nnever\n"
    )
    assert done.returncode == 0 and "Understood as: which papers are about dropout?" in done.stdout
    assert "holds no word" in done.stderr and "never" not in done.stdout
    assert len(history.read(history.ids()[0]).turns) == 2


def test_turns_in_a_batch(kept: Path, digest_store: Path) -> None:
    rows = [
        {"id": 1, "turns": ["what papers study grokking?", "which of them train transformers?"]},
        {"id": 2, "turns": []},
        {"id": 3, "turns": [1]},
    ]
    done = command("ask", "--batch", "-", "--json", "--store", str(digest_store), stdin="\n".join(map(json.dumps, rows)))
    first, *rest = map(json.loads, done.stdout.splitlines())
    assert first["id"] == 1 and first["understood"] == "which of the papers on grokking train transformers?"
    assert all("error" in row for row in rest) and done.returncode == 2 and history.ids() == []


def test_a_damaged_conversation_is_named(kept: Path) -> None:
    kept.mkdir()
    (kept / "x.json").write_text("{")
    with pytest.raises(NotFoundError, match="cannot be read"):
        history.read("x")


def test_the_documented_python_runs(
    digest_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").symlink_to(digest_store)
    count = 0
    for page in ("models.md", "summaries.md"):
        text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(compile(block, page, "exec"), {})
            count += 1
    said = capsys.readouterr().out
    assert count == 3 and "papers:" in said and "Grokking" in said and " of " in said


def test_asynchronous_use(digest_store: Path) -> None:
    from assistant.llamaindex import PaperQueryEngine

    papers = Assistant(digest_store)

    async def both() -> tuple[str, str]:
        one, two = await asyncio.gather(
            papers.aask("what papers study grokking?"), PaperQueryEngine(papers).aquery("what papers study grokking?")
        )
        return one.text, str(two)

    one, two = asyncio.run(both())
    assert one == two
    papers.close()
