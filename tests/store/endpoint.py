"""An OpenAI-compatible embeddings endpoint with faults, for tests."""

from __future__ import annotations

import base64
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from store.fakes import HashEmbedder

KEY = "sk-secret-of-the-tests"


class Endpoint:
    """Serves ``/v1/embeddings`` on this machine.

    Attributes:
        faults: HTTP codes to answer the next requests with, before it works again.
        sizes: texts in each request that was answered.
        fail_after: after so many answered requests it only says 503; None for never.
    """

    def __init__(self) -> None:
        self.faults: list[int] = []
        self.sizes: list[int] = []
        self.fail_after: int | None = None
        self.keys: set[str] = set()
        embedder = HashEmbedder("remote", 48)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.keys.add(self.headers.get("Authorization", ""))
                broken = outer.fail_after is not None and len(outer.sizes) >= outer.fail_after
                code = outer.faults.pop(0) if outer.faults else 503 if broken else 200
                if code != 200:
                    self._send(code, {"error": {"message": f"fault {code} for {self.headers.get('Authorization')}"}})
                    return
                texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
                outer.sizes.append(len(texts))
                rows = [embedder.embed_query(text).tolist() for text in texts]
                if body.get("encoding_format") == "base64":
                    rows = [base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() for row in rows]
                data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
                self._send(200, {"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})

            def _send(self, code: int, data: dict[str, Any]) -> None:
                raw = json.dumps(data).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                if code == 429:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(raw)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
