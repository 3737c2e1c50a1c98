"""What the page asks for: answers and summaries as server-sent events, entries, the map, and what the store holds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from assistant.answering.checked import Checked
from assistant.core import Assistant
from assistant.faces.addresses import address
from assistant.faces.http.steps import steps
from assistant.faces.options import filters_of
from assistant.faces.replay import replayed
from assistant.render.atlas import page as map_page
from assistant.render.export import bibtex, markdown
from assistant.render.html import page, summary_page
from assistant.render.summary import markdown as summary_markdown
from assistant.topics.summarize import coverage_line
from assistant.types import Answer, Summary
from store.errors import NotFoundError, SettingsError, UserError
from store.types import Filters

_LENGTHS = ("short", "medium", "long")
_SSE = {"cache-control": "no-store", "x-accel-buffering": "no"}


def routes(assistant: Assistant, limiter: CapacityLimiter) -> list[Route]:
    """The routes.

    Args:
        assistant: who answers.
        limiter: how many are answered at once.
    """

    async def ask(request: Request) -> Response:
        data = await _body(request)
        if isinstance(data, Response):
            return data
        question, given, before = data.get("question"), data.get("filters") or {}, data.get("before") or []
        if not isinstance(question, str) or not isinstance(given, dict) or not isinstance(before, list):
            return _told("question is a text, before a list of texts, filters an object.")
        try:
            filters = filters_of(*(_word(given, name) for name in ("year", "author", "venue", "source")))
        except SettingsError as error:
            return _told(str(error))
        turns = [turn for turn in before if isinstance(turn, str)]
        return _stream(lambda: _asking(assistant, question, turns, filters), limiter)

    async def summarize(request: Request) -> Response:
        data = await _body(request)
        if isinstance(data, Response):
            return data
        topic, length = data.get("topic"), data.get("length", "medium")
        if not isinstance(topic, str) or length not in _LENGTHS:
            return _told(f"topic is a text, length one of {', '.join(_LENGTHS)}.")
        return _stream(lambda: _summing_up(assistant, topic, length), limiter)

    async def entry(request: Request) -> Response:
        try:
            found = await anyio.to_thread.run_sync(lambda: assistant.entry(request.path_params["id"]), limiter=limiter)
        except NotFoundError as error:
            return _told(str(error), 404)
        return JSONResponse({"id": found.id, "title": found.title, "abstract": found.abstract, "url": address(found.url)})

    async def topics(request: Request) -> Response:
        try:
            made = await anyio.to_thread.run_sync(assistant.topics, limiter=limiter)
        except UserError as error:
            return _told(str(error))
        return JSONResponse(made.as_json())

    async def drawn(request: Request) -> Response:
        made = await anyio.to_thread.run_sync(lambda: assistant.topics(picture=True), limiter=limiter)
        return HTMLResponse(map_page(made))

    async def held(request: Request) -> Response:
        count = await anyio.to_thread.run_sync(lambda: assistant.store.ledger.counts()["entries"], limiter=limiter)
        return JSONResponse(
            {"store": Path(assistant.name).name, "entries": count, "model": assistant.model.name if assistant.model else None}
        )

    return [
        Route("/api/ask", ask, methods=["POST"]),
        Route("/api/summarize", summarize, methods=["POST"]),
        Route("/api/entry/{id:path}", entry),
        Route("/api/topics", topics),
        Route("/api/store", held),
        Route("/map", drawn),
    ]


def _asking(assistant: Assistant, question: str, before: list[str], filters: Filters | None) -> Iterator[Mapping[str, Any]]:
    for one in assistant.stream(question, filters, replayed(assistant, before)):
        if isinstance(one, Checked):
            yield {"sentence": one.text}
        else:
            yield {"answer": {**one.as_json(), "headline": one.headline, "formats": _formats(assistant, one)}}


def _summing_up(assistant: Assistant, topic: str, length: Any) -> Iterator[Mapping[str, Any]]:
    made = assistant.summarize(topic, length=length)
    more = {"headline": made.headline, "coverage_line": coverage_line(made), "formats": _formats(assistant, made)}
    yield {"summary": {**made.as_json(), **more}}


def _formats(assistant: Assistant, made: Answer | Summary) -> dict[str, str]:
    cited = assistant.entries([c.id for c in made.citations])
    if isinstance(made, Answer):
        return {"markdown": markdown(made), "bibtex": bibtex(made, cited), "html": page(made, cited)}
    return {"markdown": summary_markdown(made), "bibtex": bibtex(made, cited), "html": summary_page(made, cited)}


def _stream(work: Callable[[], Iterator[Mapping[str, Any]]], limiter: CapacityLimiter) -> Response:
    async def events() -> AsyncIterator[str]:
        try:
            async with aclosing(steps(work(), limiter)) as found:
                async for one in found:
                    yield f"data: {json.dumps(one, ensure_ascii=False)}\n\n"
        except UserError as error:
            told = {"error": {"message": error.message, "fix": error.fix}}
            yield f"data: {json.dumps(told)}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", headers=_SSE)


async def _body(request: Request) -> dict[str, Any] | Response:
    try:
        data = json.loads(await request.body())
    except (ValueError, RecursionError):
        return _told("The body is not JSON.")
    return data if isinstance(data, dict) else _told("The body is not a JSON object.")


def _word(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) and value.strip() else None


def _told(message: str, status: int = 400) -> Response:
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}, status)
