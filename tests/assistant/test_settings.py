"""Settings, keys and prompts: where values come from, and what bad ones say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.llm import ModelError, ModelSettings, make_model
from assistant.settings import change, configured, keep_key, settings_path
from assistant.templates import load_template, names
from store.endpoints import read_key
from store.errors import SettingsError
from store.settings import StoreSettings


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_CONFIG", str(tmp_path / "config" / "config.toml"))


def test_flags_come_before_environment_file_and_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured().settings.llm == "none" and configured().origins["llm"] == "default"
    change("llm", "ollama:one")
    change("llm_window", "4096")
    assert configured().settings.llm == "ollama:one" and configured().settings.llm_window == 4096
    monkeypatch.setenv("ASSISTANT_LLM", "ollama:two")
    assert configured().origins["llm"] == "environment"
    found = configured({"llm": "ollama:three", "llm_timeout": None})
    assert (found.settings.llm, found.origins["llm"], found.origins["llm_timeout"]) == ("ollama:three", "flag", "default")
    change("llm", None)
    monkeypatch.delenv("ASSISTANT_LLM")
    assert configured().settings.llm == "none"


def test_a_stray_key_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stray")
    assert make_model(configured().settings) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("llm_window", "many", "llm_window"),
        ("no_such", "1", "no such setting"),
        ("llm_timeout", "-1", "llm_timeout"),
        ("llm_options", "{", "not JSON"),
    ],
)
def test_bad_values_are_named_and_nothing_is_written(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        change(name, value)
    assert error.value.fix and not settings_path().exists()


def test_options_survive_the_file() -> None:
    change("llm_options", '{"top_p": 0.9, "stop": ["a", "b"], "x": {"y": true}}')
    assert configured().settings.llm_options == {"top_p": 0.9, "stop": ["a", "b"], "x": {"y": True}}


def test_a_damaged_file_is_named() -> None:
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("llm = [")
    with pytest.raises(SettingsError, match="TOML"):
        configured()
    settings_path().write_text('lllm = "x"')
    with pytest.raises(SettingsError, match="no setting lllm"):
        configured()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_key_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    path = keep_key("sk-1")
    assert path.stat().st_mode & 0o777 == 0o600 and read_key(str(path), "llm_key_file", ModelError) == "sk-1"
    assert "sk-1" not in settings_path().read_text()
    path.chmod(0o644)
    with pytest.raises(ModelError, match="others may read") as error:
        read_key(str(path), "llm_key_file", ModelError)
    assert "chmod 600" in error.value.fix


@pytest.mark.parametrize(
    ("llm", "said"),
    [
        ("gpt-4o", "not a model"),
        ("openai:gpt-4o", "OPENAI_API_KEY is not set"),
        ("missing.gguf", "cannot be read"),
        ("no.such.module:Class", "cannot be loaded"),
        ("a b c", "not a model"),
    ],
)
def test_models_that_cannot_be_had(llm: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises((ModelError, SettingsError), match=said):
        make_model(ModelSettings(llm=llm))


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"hello")
    with pytest.raises(ModelError, match="not a GGUF"):
        make_model(ModelSettings(llm=str(path)))


def test_a_llamaindex_class_by_its_path() -> None:
    from assistant.llm import Message

    model = make_model(ModelSettings(llm="llama_index.core.llms:MockLLM", llm_options={"max_tokens": 4}))
    assert model is not None
    assert "".join(p.text for p in model.stream([Message("user", "one two three")], 10))


def test_every_shipped_prompt_loads() -> None:
    assert {"answer", "compare", "judge", "list"} <= set(names())
    assert all(load_template(name).version for name in names())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "no front matter"),
        ("---\nname: answer\nversion: 2\n---\nx", "no variables"),
        ("---\nname: other\nversion: 2\nvariables: question\n---\n{question}", "its name is other"),
        ("---\nname: answer\nversion: 2\nvariables: question\n---\n{question}", "is missing"),
        (
            "---\nname: answer\nversion: 2\nvariables: question, sources, fence, count, extra\n---\n{question}{sources}{fence}{count}{extra}",
            "no variable",
        ),
        ("---\nname: answer\nversion: 2\nvariables: question, sources\n---\n{question}", "not used"),
    ],
)
def test_a_prompt_of_ones_own_is_checked(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "answer.md").write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_template("answer", str(tmp_path))


def test_a_prompt_of_ones_own_is_used_and_named(tmp_path: Path, digest_store: Path) -> None:
    from assistant.core import Assistant
    from assistant.fakes import ScriptedModel
    from assistant.settings import Settings

    (tmp_path / "answer.md").write_text(
        "---\nname: answer\nversion: mine\nvariables: question, sources, fence, count\n---\nMINE {question} {sources} {fence} {count}"
    )
    model = ScriptedModel("NO ANSWER")
    assistant = Assistant(digest_store, model=model, options=Settings(prompts=str(tmp_path)))
    answer = assistant.ask("how does grokking arise?")
    assert model.requests[0][-1].content.startswith("MINE how does grokking arise?") and answer.prompt == "answer mine"
    assistant.close()


def command(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from assistant.faces.entry import main; main()", *arguments], capture_output=True, text=True, input=stdin
    )


def test_the_commands(digest_store: Path) -> None:
    assert "llm is set" in command("config", "set", "llm", "ollama:x").stdout
    assert json.loads(command("config", "list", "--json").stdout)["settings"]["llm"] == {"value": "ollama:x", "from": "file"}
    kept = command("config", "key", stdin="sk-9\n")
    assert kept.returncode == 0 and "sk-9" not in kept.stdout + kept.stderr
    assert "ollama:x" in command("status", "--store", str(digest_store)).stdout
    assert command("prompts", "show", "answer").stdout.startswith("---\nname: answer\nversion: ")
    assert "answer 1 (shipped)" in command("prompts", "list").stdout
    bad = command("config", "set", "nope", "1")
    assert bad.returncode == 2 and "Traceback" not in bad.stderr and "no such setting" in bad.stderr
    preview = command("ask", "how does grokking arise?", "--store", str(digest_store), "--dry-run", "--json")
    (sent,) = json.loads(preview.stdout)["calls"]
    assert sent["prompt_tokens"] > 100 and "grokking" in sent["messages"][0]["content"]
    plain = command("ask", "how does grokking arise?", "--store", str(digest_store), "--llm", "none", "--json")
    assert json.loads(plain.stdout)["model"] is None
    fallen = command("ask", "how does grokking arise?", "--store", str(digest_store), "--llm", "m@http://127.0.0.1:9/v1")
    assert fallen.returncode == 0 and "The model was not used" in fallen.stdout
    wrong = command("ask", "how does grokking arise?", "--store", str(digest_store), "--llm", "gpt-4o")
    assert wrong.returncode == 2 and "not a model" in wrong.stderr
    never = command("ask", "--batch", "-", "--dry-run", "--store", str(digest_store), stdin="how does grokking arise?")
    assert never.returncode == 2 and "--dry-run" in never.stderr


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="chroma_token_env") as error:
        change("chroma_url", "http://me:hunter2@localhost:8000")
    assert "hunter2" not in str(error.value)
    with pytest.raises(ValueError, match="holds a password"):
        StoreSettings(chroma_url="http://me:hunter2@localhost:8000")
