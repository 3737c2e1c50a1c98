"""Who may speak to the server: Host and Origin, a token, the size of a body, and how many at once. Plain ASGI, before every route."""

from __future__ import annotations

import hmac
import json
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 1_048_576
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_WAITING = 64
_MINUTE = 60.0
# So many addresses are remembered before the idle ones are forgotten.
_ADDRESSES = 1000
_TOO_LARGE = f"The body has more than {MAX_BODY:,} bytes."


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Args:
        token: must be sent as ``Authorization: Bearer``; empty for none.
        hosts: names, besides those of this machine, that a Host header may have.
        rate: requests a minute that one address may send.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()
    rate: int = 1200


class Guard:
    """Turns away what a page of another site, a stranger or an endless body would send.

    Args:
        app: what is guarded.
        access: who may ask.
        open_paths: paths that need no token.
    """

    def __init__(self, app: ASGIApp, access: Access, open_paths: Collection[str] = ("/healthz",)) -> None:
        self._app = app
        self._access = access
        self._open = frozenset(open_paths)
        self._running = 0
        self._lately: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["path"], headers)
        if refusal is not None:
            await _say(send, *refusal)
            return
        wait = self._too_often((scope.get("client") or ("", 0))[0])
        if wait:
            await _say(send, 429, "Too many requests in a minute.", "rate_limit_error", {"retry-after": str(wait)})
            return
        if self._running >= _WAITING:
            await _say(send, 429, "The server is busy.", "rate_limit_error", {"retry-after": "1"})
            return
        self._running += 1
        try:
            await self._app(scope, _bounded(receive), send)
        finally:
            self._running -= 1

    def _too_often(self, address: str) -> int:
        """Seconds an address must wait, 0 where it need not."""
        now = time.monotonic()
        sent = self._lately.setdefault(address, deque())
        while sent and sent[0] <= now - _MINUTE:
            sent.popleft()
        if len(sent) >= self._access.rate:
            return max(1, round(sent[0] + _MINUTE - now))
        sent.append(now)
        if len(self._lately) > _ADDRESSES:
            self._lately = {one: times for one, times in self._lately.items() if times and times[-1] > now - _MINUTE}
        return 0

    def _refusal(self, path: str, headers: dict[str, str]) -> tuple[int, str, str] | None:
        allowed = LOOPBACK | self._access.hosts
        if hostname(headers.get("host", "")) not in allowed:
            return 403, "This host name is not served. Start the server with --allow-host NAME.", "invalid_request_error"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
            return 403, "Pages of other sites may not ask this server.", "invalid_request_error"
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY:
            return 413, _TOO_LARGE, "invalid_request_error"
        if self._access.token and path not in self._open:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._access.token}".encode()):
                return 401, "The token is missing or wrong. Send it as Authorization: Bearer TOKEN.", "authentication_error"
        return None


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return bounded


def hostname(host: str) -> str:
    """The name in a Host header, without its port; ``[::1]:8765`` is ``::1``."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


async def _say(send: Send, status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> None:
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}).encode()
    rows = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    rows += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": rows}
    await send(start)
    await send({"type": "http.response.body", "body": body})
