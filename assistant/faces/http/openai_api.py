"""``/v1/models``, ``/v1/chat/completions`` and ``/v1/responses``, as OpenAI's clients and those that imitate them read them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from assistant.answering.checked import Checked
from assistant.core import Assistant
from assistant.faces.http.chat import Writer, pieces, source_url
from assistant.faces.http.steps import steps
from assistant.faces.replay import replayed
from assistant.query.analyzer import MAX_QUESTION
from assistant.types import Answer
from store.errors import QuestionError, UserError

MODEL = "papers"
# The same without a list of sources under the text, for clients that show annotations.
BARE = "papers-no-footer"
_GONE = 499
_LOOK = 0.25
_SSE = {"cache-control": "no-store", "x-accel-buffering": "no"}


class BadRequest(Exception):
    """A request that cannot be answered.

    Args:
        message: why, and what to do.
        status: of the response.
        param: the field it is about.
        code: as OpenAI names it.
    """

    def __init__(self, message: str, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: the model, the question, the user's turns before it, and how it is to be answered."""

    model: str
    question: str
    before: tuple[str, ...]
    stream: bool
    usage: bool

    @property
    def task(self) -> bool:
        """Whether it is one of the chores that Open WebUI gives a model beside a chat: titles, tags, follow-ups."""
        return self.question.startswith("### Task:")


def routes(assistant: Assistant, limiter: CapacityLimiter) -> list[Route]:
    """The routes of the endpoint.

    Args:
        assistant: who answers.
        limiter: how many are answered at once.
    """
    born = int(time.time())
    models = [{"id": id, "object": "model", "created": born, "owned_by": "paper-assistant"} for id in (MODEL, BARE)]

    async def listed(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": models})

    async def one(request: Request) -> Response:
        found = next((m for m in models if m["id"] == request.path_params["id"]), None)
        return JSONResponse(found) if found else _refused(_no_model(request.path_params["id"]))

    async def completions(request: Request) -> Response:
        return await _answered(request, assistant, limiter, "messages", _chat_stream, _chat_whole)

    async def responses(request: Request) -> Response:
        return await _answered(request, assistant, limiter, "input", _responses_stream, _responses_whole)

    return [
        Route("/v1/models", listed),
        Route("/v1/models/{id}", one),
        Route("/v1/chat/completions", completions, methods=["POST"]),
        Route("/v1/responses", responses, methods=["POST"]),
    ]


async def _answered(
    request: Request, assistant: Assistant, limiter: CapacityLimiter, name: str, stream: Callable[..., Any], whole: Callable[..., Any]
) -> Response:
    try:
        asked = read_request(await request.body(), name)
    except BadRequest as error:
        return _refused(error)
    writer = Writer(str(request.base_url).rstrip("/"), asked.model != BARE)
    if asked.stream:
        return StreamingResponse(stream(assistant, asked, writer, limiter), media_type="text/event-stream", headers=_SSE)
    answer: Answer | None = None
    refused: Response | None = None
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            """Stop the work once nobody waits for it."""
            while not await request.is_disconnected():
                await anyio.sleep(_LOOK)
            group.cancel_scope.cancel()

        group.start_soon(watch)
        try:
            async for _, finished in _bits(assistant, asked, writer, limiter):
                answer = finished or answer
        except QuestionError as error:
            refused = _refused(BadRequest(str(error), param=name))
        group.cancel_scope.cancel()
    if answer is None:
        return refused or Response(status_code=_GONE)
    return JSONResponse(whole(asked, writer, answer))


def read_request(body: bytes, name: str) -> Asked:
    """A request's body.

    Args:
        body: JSON.
        name: of the field that holds the conversation: ``messages`` or ``input``.

    Raises:
        BadRequest: it is not one.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest("The body is not a JSON object.")
    model = data.get("model", MODEL)
    if model not in (MODEL, BARE):
        raise _no_model(model)
    given = data.get(name)
    said = [given] if isinstance(given, str) else _user_turns(given, name)
    if not said or not said[-1].strip():
        raise BadRequest("There is no user message with text.", param=name)
    if not said[-1].startswith("### Task:") and len(said[-1]) > MAX_QUESTION:
        raise BadRequest(f"The question has {len(said[-1]):,} characters, at most {MAX_QUESTION:,} are read.", param=name)
    options = data.get("stream_options")
    wants = isinstance(options, dict) and options.get("include_usage") is True
    before = tuple(turn for turn in said[:-1] if turn.strip() and len(turn) <= MAX_QUESTION)
    return Asked(model, said[-1], before, data.get("stream") is True, wants)


def _user_turns(given: object, name: str) -> list[str]:
    if not isinstance(given, list):
        raise BadRequest(f"{name} is not a list.", param=name)
    turns = []
    for place, message in enumerate(given):
        if not isinstance(message, dict):
            raise BadRequest(f"{name}[{place}] is not an object.", param=name)
        if message.get("role") == "user":
            turns.append(_text(message.get("content"), f"{name}[{place}].content"))
    return turns


def _text(content: object, param: str) -> str:
    """The text of a message: a string, or parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRequest("The content is neither a text nor a list of parts.", param=param)
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") in ("text", "input_text")]
    return "\n".join(part for part in parts if isinstance(part, str))


def answers(assistant: Assistant, asked: Asked) -> Iterator[Checked | Answer]:
    """Sentences as they are found to hold, and the answer. Earlier turns are answered again without a model: what a client sends as our words is not believed.

    Raises:
        QuestionError: it cannot be asked.
    """
    if asked.task:
        yield _chore(asked, assistant.name)
        return
    yield from assistant.stream(asked.question, turns=replayed(assistant, asked.before))


def _chore(asked: Asked, store: str) -> Answer:
    """An answer to a chore, without looking anything up."""
    said = "Questions about papers"
    return Answer(asked.question[:80], "answer", "answered", None, said, (), (), (), 0, store, 0.0, headline=said)


async def _bits(assistant: Assistant, asked: Asked, writer: Writer, limiter: CapacityLimiter) -> AsyncIterator[tuple[str, Answer | None]]:
    """The text as it comes, and at the end the answer."""
    async with aclosing(steps(answers(assistant, asked), limiter)) as found:
        async for one in found:
            if isinstance(one, Checked):
                if text := writer.add(one):
                    yield text, None
            else:
                for text in pieces(writer.finish(one)):
                    yield text, None
                yield "", one


def _usage(answer: Answer, text: str) -> dict[str, Any]:
    prompt, completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _extras(answer: Answer, writer: Writer) -> dict[str, Any]:
    """What other clients read beside annotations: addresses, results, and our own contract."""
    first = {c.n: c for c in reversed(answer.citations)}
    ordered = [first[n] for n in sorted(first)]
    return {
        "citations": [source_url(c, writer.base) for c in ordered],
        "search_results": [{"title": c.title or "Untitled", "url": source_url(c, writer.base), "snippet": c.quote} for c in ordered],
    }


def _chat_whole(asked: Asked, writer: Writer, answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": writer.text.strip(), "annotations": writer.annotations(answer)}
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(answer, writer.text),
        **_extras(answer, writer),
    }


async def _chat_stream(assistant: Assistant, asked: Asked, writer: Writer, limiter: CapacityLimiter) -> AsyncIterator[str]:
    common = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion.chunk", "created": int(time.time()), "model": asked.model}

    def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> str:
        return _event({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})

    yield chunk({"role": "assistant", "content": ""})
    try:
        async for text, answer in _bits(assistant, asked, writer, limiter):
            if text:
                yield chunk({"content": text})
            if answer is not None:
                yield chunk({"annotations": writer.annotations(answer)}, "stop", **_extras(answer, writer))
                if asked.usage:
                    yield _event({**common, "choices": [], "usage": _usage(answer, writer.text)})
    except UserError as error:
        yield _event(BadRequest(str(error)).body)
    yield "data: [DONE]\n\n"


def _item(asked: Asked, writer: Writer, answer: Answer, id: str) -> dict[str, Any]:
    flat = [{"type": "url_citation", **row["url_citation"]} for row in writer.annotations(answer)]
    content = [{"type": "output_text", "text": writer.text, "annotations": flat, "logprobs": []}]
    return {"id": id, "type": "message", "status": "completed", "role": "assistant", "content": content}


def _response(asked: Asked, id: str, status: str, output: Sequence[Mapping[str, Any]], usage: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": id,
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": asked.model,
        "output": list(output),
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "temperature": None,
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
        "usage": usage,
    }


def _tokens(answer: Answer) -> dict[str, Any]:
    prompt, completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + completion,
    }


def _responses_whole(asked: Asked, writer: Writer, answer: Answer) -> dict[str, Any]:
    item = _item(asked, writer, answer, f"msg_{uuid.uuid4().hex}")
    return _response(asked, f"resp_{uuid.uuid4().hex}", "completed", [item], _tokens(answer))


async def _responses_stream(assistant: Assistant, asked: Asked, writer: Writer, limiter: CapacityLimiter) -> AsyncIterator[str]:
    id, item_id, number = f"resp_{uuid.uuid4().hex}", f"msg_{uuid.uuid4().hex}", 0

    def event(kind: str, **more: Any) -> str:
        nonlocal number
        number += 1
        return f"event: {kind}\n" + _event({"type": kind, "sequence_number": number - 1, **more})

    place = {"item_id": item_id, "output_index": 0, "content_index": 0}
    started = _response(asked, id, "in_progress", [], None)
    yield event("response.created", response=started)
    yield event("response.in_progress", response=started)
    empty = {"id": item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    yield event("response.output_item.added", output_index=0, item=empty)
    yield event("response.content_part.added", **place, part={"type": "output_text", "text": "", "annotations": [], "logprobs": []})
    try:
        async for text, answer in _bits(assistant, asked, writer, limiter):
            if text:
                yield event("response.output_text.delta", **place, delta=text, logprobs=[])
            if answer is not None:
                item = _item(asked, writer, answer, item_id)
                part = item["content"][0]
                for index, row in enumerate(part["annotations"]):
                    yield event("response.output_text.annotation.added", **place, annotation_index=index, annotation=row)
                yield event("response.output_text.done", **place, text=writer.text, logprobs=[])
                yield event("response.content_part.done", **place, part=part)
                yield event("response.output_item.done", output_index=0, item=item)
                yield event("response.completed", response=_response(asked, id, "completed", [item], _tokens(answer)))
    except UserError as error:
        failed = {**_response(asked, id, "failed", [], None), "error": {"code": "server_error", "message": str(error)}}
        yield event("response.failed", response=failed)


def _event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _no_model(name: object) -> BadRequest:
    return BadRequest(f"There is no model {str(name)[:100]!r}. There are {MODEL} and {BARE}.", 404, "model", "model_not_found")


def _refused(error: BadRequest) -> Response:
    return JSONResponse(error.body, error.status)
