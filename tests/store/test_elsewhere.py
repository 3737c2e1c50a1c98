"""Embedders and vectors elsewhere: endpoints that fail, other ONNX files, a Chroma server that goes away and comes back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.core import Assistant
from assistant.faces.cli import run
from store.doctor import examine, repair
from store.embed import load_embedder
from store.errors import EmbedderError, StoreError
from store.fakes import HashEmbedder
from store.ingest import ingest
from store.reembed import reembed
from store.settings import BUILTIN_EMBEDDER, StoreSettings
from store.store import Store
from tests.store.endpoint import KEY, Endpoint

MODELS = Path(__file__).resolve().parents[2] / "store" / "models"
COUNT = 30


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    path = tmp_path / "papers.jsonl"
    rows = [{"title": f"On topic number {n}", "abstract": f"We study topic {n} with care. Method {n * n} works."} for n in range(COUNT)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.close()


def remote(endpoint: Endpoint, retries: int = 3) -> StoreSettings:
    return StoreSettings(embedder=f"tiny@{endpoint.url}", embedder_options={"max_retries": retries}, embedder_key_env="TEST_KEY", batch=8)


def test_an_endpoint_is_asked_in_batches_and_asked_again(
    tmp_path: Path, papers: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    endpoint.faults = [429, 500]
    costs: list[str] = []
    settings = remote(endpoint).model_copy(update={"embedder_price": 2.0})
    with Store(tmp_path / "s", settings, create=True) as store:
        report = ingest(store, [papers], approve=lambda cost: costs.append(str(cost)) is None)
        assert report.added == COUNT and examine(store) == [] and store.ledger.meta("embedder") == "tiny"
        # Four texts an entry: the whole, its title and its two sentences; eight entries a batch.
        assert sum(endpoint.sizes) == COUNT * 4 and len(endpoint.sizes) == 4 and endpoint.keys == {f"Bearer {KEY}"}
        assert f"sent to {endpoint.url}, about $0.00" in costs[0] and "30 entries" in costs[0]
        assert store.vectors.query(store.embedder.embed_query("topic 7"), 5)


def test_an_endpoint_that_goes_away_is_gone_on_with(
    tmp_path: Path, papers: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    endpoint.fail_after = 2
    with Store(tmp_path / "s", remote(endpoint, retries=0), create=True) as store:
        with pytest.raises(EmbedderError) as error:
            ingest(store, [papers])
        assert endpoint.url in error.value.message and KEY not in str(error.value) and "is kept" in error.value.fix
        assert store.ledger.counts()["entries"] == COUNT and store.vectors.count() == 16
        endpoint.fail_after = None
        sent = sum(endpoint.sizes)
        assert ingest(store, [papers]).unchanged == COUNT
        assert sum(endpoint.sizes) - sent == (COUNT - 16) * 4 and examine(store) == []


def test_a_wrong_key_is_not_tried_again_and_a_missing_one_is_named(
    tmp_path: Path, papers: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EmbedderError, match="TEST_KEY is not set"):
        load_embedder(remote(endpoint))
    monkeypatch.setenv("TEST_KEY", KEY)
    endpoint.faults = [401] * 3
    with pytest.raises(EmbedderError) as error:
        load_embedder(remote(endpoint)).embed_query("x")
    assert error.value.fix == "Check the key." and KEY not in str(error.value) and len(endpoint.faults) == 2
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [papers])
    assert not endpoint.sizes


def test_the_command_line_shows_the_cost_and_stays_with_what_made_the_store(
    tmp_path: Path, papers: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            run([*arguments, "--store", str(tmp_path / "s")])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    monkeypatch.setenv("ASSISTANT_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("TEST_KEY", KEY)
    (tmp_path / "config.toml").write_text(
        f'embedder = "tiny@{endpoint.url}"\nembedder_key_env = "TEST_KEY"\nembedder_price = 5.0\nembedder_options = {{max_retries = 0}}\n',
        encoding="utf-8",
    )
    code, out, _ = command("ingest", str(papers), "--dry-run")
    assert code == 0 and "sent to" in out and not endpoint.sizes
    code, _, err = command("ingest", str(papers))
    assert code == 0 and "To embed: 30 entries" in err
    assert command("doctor")[0] == 0
    code, out, _ = command("status")
    assert code == 0 and f"go to {endpoint.url}" in out
    # Without the setting, the store is not opened with another embedder, nor sent anywhere.
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    code, _, err = command("search", "topic 7")
    assert code == 2 and "made with the embedder tiny" in err and "reembed" in err
    code, out, _ = command("reembed", "--dry-run")
    assert code == 0 and "on this machine" in out
    assert command("reembed", "--embedder", BUILTIN_EMBEDDER)[0] == 0
    assert command("search", "topic 7")[0] == 0 and command("doctor")[0] == 0
    # The other way round, a store of the shipped embedder goes on whatever the settings name.
    (tmp_path / "config.toml").write_text('embedder = "tiny@http://127.0.0.1:9/v1"\n', encoding="utf-8")
    assert command("search", "topic 7")[0] == 0
    code, out, _ = command("doctor")
    assert code == 2 and "the settings name tiny" in out


def test_another_onnx_file(tmp_path: Path, papers: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODELS / BUILTIN_EMBEDDER, folder)
    (folder / "model.json").unlink()
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 256}), encoding="utf-8")
    settings = StoreSettings(embedder=str(folder), embedder_options={"query_prefix": "query: "})
    embedder = load_embedder(settings)
    assert embedder.name.startswith("onnx:") and embedder.name.endswith("query_prefix=query: ") and embedder.limit == 254
    with Store(tmp_path / "s", create=True) as store:
        ingest(store, [papers])
        assert store.ledger.meta("embedder") == BUILTIN_EMBEDDER
        assert reembed(store, embedder) == COUNT
    reader = Assistant(tmp_path / "s", settings)
    assert reader.search("On topic number 7")[0].entry.title == "On topic number 7" and examine(reader.store) == []
    reader.close()
    with pytest.raises(EmbedderError, match="no option"):
        load_embedder(StoreSettings(embedder=str(folder), embedder_options={"colour": "red"}))
    with pytest.raises(EmbedderError, match="not an embedder"):
        load_embedder(StoreSettings(embedder="no such thing"))


class ChromaServer:
    """``chroma run`` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again on the same port and folder."""
        chroma = str(Path(sys.executable).with_name("chroma"))
        command = [chroma, "run", "--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self._port)]
        quiet = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError("the Chroma server did not start")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    found = ChromaServer(tmp_path / "server")
    found.start()
    yield found
    with contextlib.suppress(Exception):
        found.stop()


def test_a_chroma_server_holds_several_stores_and_may_go_away(tmp_path: Path, papers: Path, server: ChromaServer) -> None:
    settings = StoreSettings(chroma_url=server.url)
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"title": "Zebras", "abstract": "Zebras have stripes. Flies dislike them."}) + "\n", encoding="utf-8")
    with (
        Store(tmp_path / "a", settings, create=True, embedder=HashEmbedder()) as a,
        Store(tmp_path / "b", settings, create=True, embedder=HashEmbedder()) as b,
    ):
        ingest(a, [papers])
        ingest(b, [other])
        assert (a.vectors.count(), b.vectors.count()) == (COUNT, 1)
        assert examine(a) == examine(b) == [] and not (tmp_path / "a" / "chroma").exists()
        # Embedding anew puts the new vectors beside the old ones there too.
        assert reembed(a, HashEmbedder("next", 32)) == COUNT and examine(a) == [] and b.vectors.count() == 1
        server.stop()
        with pytest.raises(StoreError, match="Chroma server at") as error:
            a.drop_indexes()
            a.vectors.count()
        assert "chroma run" in error.value.fix
        more = tmp_path / "more.jsonl"
        more.write_text(json.dumps({"title": "Late", "abstract": "It came while the server was away."}) + "\n", encoding="utf-8")
        with pytest.raises(StoreError, match="Chroma server at"):
            ingest(a, [more])
        server.start()
        a.drop_indexes()
        assert ingest(a, [more]).unchanged == 1
        assert a.vectors.count() == COUNT + 1 and examine(a) == []


def test_vectors_move_to_a_server_and_back(tmp_path: Path, papers: Path, server: ChromaServer) -> None:
    there = StoreSettings(chroma_url=server.url)
    with Store(tmp_path / "s", create=True, embedder=HashEmbedder()) as store:
        ingest(store, [papers])
    for settings, words in ((there, "in its own folder"), (StoreSettings(), server.url)):
        with Store(tmp_path / "s", settings, embedder=HashEmbedder()) as store:
            with pytest.raises(StoreError, match=words):
                _ = store.vectors
            repair(store, examine(store))
            assert examine(store) == [] and store.vectors.count() == COUNT
