"""The server: its routes, and its running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import anyio
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from assistant.core import Assistant
from assistant.faces.http import api, openai_api
from assistant.faces.http.guard import LOOPBACK, MAX_BODY, Access, Guard
from assistant.faces.mcp_server import make_server
from assistant.render.html import entry_page
from store.errors import NotFoundError, SettingsError, UserError

_AT_ONCE = 8
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_PAGE = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def make_app(assistant: Assistant, access: Access) -> Guard:
    """The server as an ASGI application.

    Args:
        assistant: who answers.
        access: who may ask.
    """
    limiter = CapacityLimiter(_AT_ONCE)
    mcp = _mcp_app(assistant, access)

    async def health(request: Request) -> Response:
        """Whether the store can be asked right now: a query is really made."""
        try:
            await anyio.to_thread.run_sync(lambda: assistant.search("readiness", 1), limiter=limiter)
        except UserError as error:
            return JSONResponse({"status": "unavailable", "error": str(error)}, 503)
        return JSONResponse({"status": "ok"})

    async def paper(request: Request) -> Response:
        try:
            entry = await anyio.to_thread.run_sync(lambda: assistant.entry(request.path_params["id"]), limiter=limiter)
        except NotFoundError as error:
            return JSONResponse({"error": {"message": str(error), "type": "invalid_request_error", "param": "id", "code": None}}, 404)
        return HTMLResponse(entry_page(entry, sample=assistant.name == "sample"))

    async def index(request: Request) -> Response:
        return HTMLResponse(files("assistant.faces.http").joinpath("page", "index.html").read_text(encoding="utf-8"), headers=_PAGE)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with mcp.router.lifespan_context(mcp):
            yield

    async def told(request: Request, error: Exception) -> Response:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        body = {"error": {"message": known.detail, "type": "invalid_request_error", "param": None, "code": None}}
        return JSONResponse(body, known.status_code, headers=known.headers)

    inner = Starlette(
        exception_handlers={HTTPException: told},
        routes=[
            Route("/", index),
            Route("/healthz", health),
            Route("/paper/{id:path}", paper),
            *api.routes(assistant, limiter),
            *openai_api.routes(assistant, limiter),
            Mount("/page", StaticFiles(packages=[("assistant.faces.http", "page")])),
            Mount("/", mcp),
        ],
        lifespan=lifespan,
    )
    return Guard(inner, access)


def _mcp_app(assistant: Assistant, access: Access) -> Starlette:
    from mcp.server.transport_security import TransportSecuritySettings

    # The guard before it checks Host and Origin of every route, this one too.
    off = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return make_server(assistant).streamable_http_app(max_request_body_size=MAX_BODY, transport_security=off)


def run(assistant: Assistant, host: str, port: int, access: Access, log: bool) -> None:
    """Serve until stopped.

    Args:
        assistant: who answers.
        host: address to listen on.
        port: of it.
        access: who may ask.
        log: whether each request is logged, without what was asked.

    Raises:
        SettingsError: an address beyond this machine without a token.
    """
    import uvicorn

    if host not in LOOPBACK and not access.token:
        raise SettingsError(f"{host} can be reached from other machines, and no token is set.", "Set ASSISTANT_TOKEN, or leave --host out.")
    config: dict[str, Any] = {
        "log_level": "info" if log else "warning",
        "access_log": log,
        "timeout_graceful_shutdown": 10,
        "server_header": False,
    }
    uvicorn.run(make_app(assistant, access), host=host, port=port, **config)
