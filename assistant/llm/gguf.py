"""A model file (GGUF) in this process, through xllamacpp: extra ``local``."""

from __future__ import annotations

import atexit
import json
import queue
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assistant.llm.base import Message, ModelError, Piece

# Seconds to wait for a model to stop; it looks up between two tokens.
_END = 20.0


class GgufModel:
    """A GGUF file. It is loaded at the first use.

    Args:
        path: the file.
        window: tokens it reads and writes at most.

    Raises:
        ModelError: there is no such file, or it is no GGUF, or xllamacpp is not installed.
    """

    place = "this machine"

    def __init__(self, path: Path, window: int) -> None:
        self.name = path.stem
        self.window = window
        self._path = path
        self._server: Any = None
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, threading.Event] = {}
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}).", "Give the path of a GGUF file.") from None
        if magic != b"GGUF":
            raise ModelError(f"{path}: not a GGUF file.", "Give the path of a GGUF file.")

    def stream(self, messages: Sequence[Message], limit: int) -> Iterator[Piece]:
        """The reply as it is written; leaving the iterator stops the model."""
        request = {"messages": [asdict(m) for m in messages], "max_tokens": limit, "stream": True, "temperature": 0, "cache_prompt": True}
        pieces: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        stopped = threading.Event()

        def put(chunk: str) -> bool:
            pieces.put(chunk)
            return stopped.is_set()

        def work() -> None:
            try:
                with self._lock:
                    self._loaded().handle_chat_completions(json.dumps(request), put)
                pieces.put(None)
            except BaseException as error:
                pieces.put(error)
            finally:
                self._running.pop(threading.current_thread(), None)

        thread = threading.Thread(target=work, daemon=True)
        self._running[thread] = stopped
        thread.start()
        try:
            while (chunk := pieces.get()) is not None:
                if isinstance(chunk, ModelError):
                    raise chunk
                if isinstance(chunk, BaseException):
                    raise ModelError(f"{self._path.name}: the model failed ({chunk}).", "Try another file.")
                yield self._piece(chunk)
        finally:
            stopped.set()

    def close(self) -> None:
        """Stop writing and let go of the file. A thread of the model that outlived the program would end it with an error."""
        for thread, stopped in list(self._running.items()):
            stopped.set()
            thread.join(_END)
        self._server = None

    def _piece(self, chunk: str) -> Piece:
        data = json.loads(chunk)
        if error := data.get("error"):
            raise ModelError(
                f"{self.name}: {error.get('message', 'failed')}.", "Set llm_window.", overflow="context" in str(error.get("type", ""))
            )
        timings = data.get("timings") or {}
        used = timings.get("prompt_n", 0) + timings.get("cache_n", 0)
        text = (data["choices"][0]["delta"].get("content") or "") if data.get("choices") else ""
        return Piece(text, used or None, timings.get("predicted_n"))

    def _loaded(self) -> Any:
        if self._server is None:
            try:
                import xllamacpp
            except ImportError:
                raise ModelError("A GGUF file needs xllamacpp.", "Install it: pip install 'paper-assistant[local]'") from None
            parameters = xllamacpp.CommonParams()
            parameters.model.path = str(self._path)
            parameters.n_ctx = self.window
            parameters.n_parallel = 1
            parameters.port = 0
            # It opens a port on the loopback address whether one wants it or not: nobody else may use it.
            parameters.api_keys = [secrets.token_hex(16)]
            parameters.verbosity = -1
            try:
                self._server = xllamacpp.Server(parameters)
                atexit.register(self.close)
            except Exception as error:
                raise ModelError(f"{self._path}: the model cannot be loaded ({error}).", "Is the file whole?") from None
        return self._server
