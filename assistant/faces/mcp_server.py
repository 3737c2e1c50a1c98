"""The MCP server: search, fetch, ask, summarize and related as tools, papers as resources, a prompt. Speaks stdio; ``assistant serve`` mounts it at /mcp."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote, unquote

import anyio
from anyio import CapacityLimiter
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from assistant.answering.model import as_text
from assistant.core import Assistant
from assistant.faces.addresses import address
from assistant.llm.guard import GONE
from assistant.types import Answer, Citation, Summary
from store.errors import NotFoundError, UserError
from store.types import Entry

_INSTRUCTIONS = (
    "Answers from a local collection of paper abstracts, with verbatim quotes. Use `ask` for a question: its text carries [n] marks, and each citation holds the quote that bears the sentence out; keep the marks when you repeat it. "
    "If `abstained` is true the collection does not answer it: say so, do not answer from memory. Use `summarize` for an overview of a topic, `search` and `fetch` to look papers up, `related` for papers near one."
)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, destructive_hint=False, open_world_hint=False)
_FOUND = 20
_AT_ONCE = 8
# Clients give up at 60 seconds and cut replies at 50,000 characters.
_SECONDS = 45.0
_CHARACTERS = 40_000
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Hit(BaseModel):
    """A paper that was found."""

    id: str
    title: str
    url: str = Field(description="Address of the paper, or empty.")


class Hits(BaseModel):
    """Papers that were found, best first."""

    results: list[Hit]


class Document(BaseModel):
    """A paper with its abstract."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, str]


class Source(BaseModel):
    """A numbered source with a verbatim quote: ``abstract[start:end]``."""

    n: int
    id: str
    title: str
    url: str
    quote: str
    start: int
    end: int


class Statement(BaseModel):
    """A sentence of an answer, the sources it cites, and how it is borne out."""

    text: str
    citations: list[int]
    support: Literal["quoted", "verified", "repaired"]


class Reply(BaseModel):
    """An answer, with [n] marks in its text."""

    text: str
    status: Literal["answered", "abstained"]
    abstained: bool = Field(description="Whether the collection does not answer the question.")
    reason: str | None
    mode: Literal["answer", "list", "compare"]
    claims: list[Statement]
    citations: list[Source]
    nearest: list[Hit] = Field(description="Papers close to the question that are not cited.")
    notes: list[str]


class Part(BaseModel):
    """A theme of a summary; members are ids."""

    name: str
    members: list[str]


class Overview(BaseModel):
    """A topic's summary, with [n] marks in its text."""

    text: str
    abstained: bool
    reason: str | None
    themes: list[Part]
    relevant: int = Field(description="Papers judged relevant.")
    cited: int
    left_out: list[str]
    citations: list[Source]
    notes: list[str]


class Neighbour(BaseModel):
    """A paper near another."""

    id: str
    title: str
    similarity: float
    shared: list[str]
    own: list[str]
    near_duplicate: bool


class Neighbours(BaseModel):
    """The papers nearest to one."""

    id: str
    title: str
    results: list[Neighbour]


def sources(citations: tuple[Citation, ...]) -> list[Source]:
    """Citations of sentences of abstracts as clients get them."""
    return [
        Source(n=c.n, id=c.id, title=c.title or "Untitled", url=address(c.url), quote=c.quote, start=c.start, end=c.end) for c in citations
    ]


def limited(answer: Answer, most: int) -> Answer:
    """An answer with so many sources at most; sets and comparisons stay whole.

    Args:
        answer: the answer.
        most: sources of an answer to a question that asks for no set.
    """
    from dataclasses import replace

    if answer.mode != "answer" or all(c.n <= most for c in answer.citations):
        return answer
    claims = tuple(claim for claim in answer.claims if max(claim.citations, default=0) <= most)
    citations = tuple(c for c in answer.citations if c.n <= most)
    return replace(answer, claims=claims, citations=citations, text=as_text(answer.headline, claims, citations))


def cut(text: str, most: int = _CHARACTERS) -> str:
    """A text of at most so many characters, with a line saying so where it was cut."""
    if len(text) <= most:
        return text
    note = "\n[Cut here: the answer is longer than a reply may be. Ask for less.]"
    return text[: most - len(note)].rsplit("\n", 1)[0] + note


def fitting(rows: list[M], room: int) -> list[M]:
    """The first of some rows that fit into so many characters."""
    kept = []
    for row in rows:
        room -= len(row.model_dump_json())
        if room < 0:
            break
        kept.append(row)
    return kept


def make_server(assistant: Assistant) -> MCPServer[Any]:
    """The server over an assistant.

    Args:
        assistant: who answers; it is asked in threads.
    """
    server: MCPServer[Any] = MCPServer("papers", title="Papers", instructions=_INSTRUCTIONS, website_url=None)
    limiter = CapacityLimiter(_AT_ONCE)

    async def work(call: Callable[[], T]) -> T:
        """Run in a thread, within the time that clients wait.

        Raises:
            ToolError: it took too long, or the user can put something right.
        """
        gone = threading.Event()
        GONE.set(gone)
        try:
            with anyio.fail_after(_SECONDS):
                return await anyio.to_thread.run_sync(call, limiter=limiter, abandon_on_cancel=True)
        except TimeoutError:
            raise ToolError(f"It took longer than {_SECONDS:.0f} seconds. Ask for less, or use a faster model.") from None
        except UserError as error:
            raise ToolError(str(error)) from None
        finally:
            # Given up or finished: a model still at work is stopped.
            gone.set()

    @server.tool(title="Search papers", annotations=_READS, structured_output=True)
    async def search(query: str) -> Hits:
        """Find papers that fit a query, best first. Use fetch with an id to read one."""
        hits = await work(lambda: assistant.search(query, _FOUND))
        return Hits(results=[Hit(id=h.entry.id, title=h.entry.title or "Untitled", url=address(h.entry.url)) for h in hits])

    @server.tool(title="Read a paper's abstract", annotations=_READS, structured_output=True)
    async def fetch(id: str) -> Document:
        """Read one paper: its title, abstract and where it is from."""
        return _document(await work(lambda: assistant.entry(id)))

    @server.tool(title="Answer a question from the papers", annotations=_READS, structured_output=True)
    async def ask(
        question: str,
        context: Context[Any, Any],
        max_sources: Annotated[int, Field(ge=1, le=50, description="Sources of an answer at most; sets are always whole.")] = 6,
    ) -> Reply:
        """Answer a question from the papers' abstracts, with verbatim quotes. Questions for papers ("which papers ...") get the whole set. If abstained is true, the papers do not answer it: say so."""
        await context.report_progress(0, 2, "retrieving")
        answer = limited(await work(lambda: assistant.ask(question)), max_sources)
        await context.report_progress(2, 2, "answered")
        text = cut(answer.text, _CHARACTERS // 3)
        cited = fitting(sources(answer.citations), _CHARACTERS // 3)
        claims = [Statement(text=c.text, citations=list(c.citations), support=c.support) for c in answer.claims]
        return Reply(
            text=text,
            status=answer.status,
            abstained=answer.status == "abstained",
            reason=answer.reason,
            mode=answer.mode,
            claims=fitting(claims, _CHARACTERS // 3),
            citations=cited,
            nearest=[Hit(id=e.id, title=e.title or "Untitled", url="") for e in answer.nearest],
            notes=list(answer.notes),
        )

    @server.tool(title="Sum up a topic", annotations=_READS, structured_output=True)
    async def summarize(
        topic: str,
        context: Context[Any, Any],
        length: Annotated[Literal["short", "medium", "long"], Field(description="How much is quoted.")] = "short",
    ) -> Overview:
        """Sum up what the papers say on a topic: named themes, what each group of papers finds, open questions, and how many of the relevant papers are cited."""
        await context.report_progress(0, 2, "finding the papers")
        made = await work(lambda: assistant.summarize(topic, length=length))
        await context.report_progress(2, 2, "summed up")
        return _overview(made)

    @server.tool(title="Papers near one", annotations=_READS, structured_output=True)
    async def related(id: str, count: Annotated[int, Field(ge=1, le=50)] = 10) -> Neighbours:
        """List the papers nearest to one, what they share with it and what sets them apart."""
        made = await work(lambda: assistant.related(id, count))
        rows = [
            Neighbour(
                id=h.id,
                title=h.title or "Untitled",
                similarity=h.similarity,
                shared=list(h.shared),
                own=list(h.own),
                near_duplicate=h.duplicate,
            )
            for h in made.hits
        ]
        return Neighbours(id=made.entry.id, title=made.entry.title or "Untitled", results=rows)

    @server.resource(
        "paper://{id}", title="A paper", description="Title and abstract of a paper, by its id, percent-encoded.", mime_type="text/plain"
    )
    async def paper(id: str) -> str:
        try:
            return _document(await anyio.to_thread.run_sync(functools.partial(assistant.entry, unquote(id)), limiter=limiter)).text
        except NotFoundError as error:
            raise ResourceNotFoundError(str(error)) from None

    @server.prompt(title="Answer with citations", description="Ask the papers, and answer with their quotes.")
    def cited_answer(question: str) -> str:
        return (
            f"Use the tool `ask` of the papers server with this question: {question}\n"
            "Then answer from its text alone. Keep the [n] marks and list the sources they stand for. If it abstained, say that the papers do not answer it and name the nearest ones."
        )

    return server


def _overview(made: Summary) -> Overview:
    text = cut(made.text, _CHARACTERS // 2)
    return Overview(
        text=text,
        abstained=made.status == "abstained",
        reason=made.reason,
        themes=[Part(name=theme.name, members=list(theme.members)) for theme in made.themes],
        relevant=made.coverage.relevant,
        cited=made.coverage.cited,
        left_out=list(made.coverage.left_out),
        citations=fitting(sources(made.citations), _CHARACTERS - len(text)),
        notes=list(made.notes),
    )


def _document(entry: Entry) -> Document:
    known = {
        "authors": "; ".join(entry.authors),
        "year": str(entry.year or ""),
        "venue": entry.venue or "",
        "doi": entry.doi or "",
        "arxiv": entry.arxiv or "",
        "source": ", ".join(map(str, entry.provenance)),
        "resource": f"paper://{quote(entry.id, safe='')}",
    }
    title = entry.title or "Untitled"
    return Document(
        id=entry.id,
        title=title,
        text=f"{title}\n\n{entry.abstract}",
        url=address(entry.url),
        metadata={name: value for name, value in known.items() if value},
    )


def run_stdio(assistant: Assistant) -> None:
    """Serve on standard input and output until they close."""
    make_server(assistant).run("stdio")
