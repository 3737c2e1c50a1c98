"""Models through LlamaIndex: any OpenAI-compatible endpoint, and any LLM class by import path."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.llm.base import Message, ModelError, Piece

_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_TOO_LONG = ("context", "maximum length", "too long", "exceed")


class LlamaIndexModel:
    """A LlamaIndex LLM.

    Args:
        llm: the LLM object.
        name: as answers show it.
        window: tokens it reads and writes at most.
        place: where it runs.
        secret: the key, which is kept out of messages.
        forward: pass ``max_tokens`` with each call; some classes take it only when they are made.
    """

    def __init__(self, llm: Any, name: str, window: int, place: str, *, secret: str = "", forward: bool = True) -> None:
        self.name = name
        self.window = window
        self.place = place
        self._llm = llm
        self._secret = secret
        self._forward = forward

    def stream(self, messages: Sequence[Message], limit: int) -> Iterator[Piece]:
        """The reply as it is written."""
        from llama_index.core.llms import ChatMessage

        turns = [ChatMessage(role=m.role, content=m.content) for m in messages]
        options: dict[str, Any] = {"max_tokens": limit} if self._forward else {}
        try:
            for part in self._llm.stream_chat(turns, **options):
                usage = getattr(part.raw, "usage", None)
                yield Piece(part.delta or "", getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        except ModelError:
            raise
        except Exception as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> ModelError:
        """What went wrong in words a user can act on, without the key."""
        status = getattr(error, "status_code", None)
        said = " ".join(str(getattr(error, "message", "") or error).split())[:200]
        if self._secret:
            said = said.replace(self._secret, "***")
        kind = type(error).__name__
        if "Timeout" in kind:
            return ModelError(
                f"{self.place}: the model did not answer in time.", "Try again, or give it longer: --timeout.", transient=True
            )
        if "Connection" in kind or isinstance(error, OSError):
            return ModelError(f"{self.place}: no connection to the model.", "Is it running, and is the address right?", transient=True)
        if status in (401, 403):
            return ModelError(f"{self.place}: the key was refused ({status}).", "Check llm_key_env or llm_key_file: assistant config list")
        if status == 404:
            return ModelError(f"{self.place}: no model {self.name} there ({said}).", "Check the name: assistant config set llm NAME@URL")
        if status in (400, 413, 422) and any(word in said.lower() for word in _TOO_LONG):
            return ModelError(f"{self.name}: the prompt is longer than the model reads.", "Set llm_window to what it reads.", overflow=True)
        if status == 429:
            return ModelError(f"{self.place}: too many requests (429).", "Try again later.", transient=True, after=_after(error))
        if status is not None:
            return ModelError(f"{self.place}: the endpoint answered {status} ({said}).", "Try again later.", transient=status in _TRANSIENT)
        return ModelError(f"{self.place}: the model's reply could not be read ({kind}: {said}).", "Is this an OpenAI-compatible endpoint?")


def _after(error: Exception) -> float | None:
    """The seconds a Retry-After header asks for."""
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def openai_compatible(name: str, url: str, key: str, *, window: int, timeout: float, options: Mapping[str, Any]) -> LlamaIndexModel:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        name: as the endpoint calls it.
        url: base address, ending in ``/v1``.
        key: for the endpoint; anything where it wants none.
        window: tokens it reads and writes at most.
        timeout: seconds to wait for the first, and for each further, piece.
        options: further arguments of LlamaIndex's ``OpenAILike``.
    """
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(
        **{
            "model": name,
            "api_base": url,
            "api_key": key or "none",
            "context_window": window,
            "temperature": 0.0,
            "is_chat_model": True,
            "timeout": timeout,
            "max_retries": 0,
            "additional_kwargs": {"stream_options": {"include_usage": True}},
            **options,
        }
    )
    return LlamaIndexModel(llm, name, window, url, secret=key)


def by_path(path: str, *, window: int, options: Mapping[str, Any]) -> LlamaIndexModel:
    """Any LlamaIndex LLM.

    Args:
        path: ``package.module:Class``.
        window: tokens it reads and writes at most, where it does not say itself.
        options: keyword arguments for the class.

    Raises:
        ModelError: it cannot be imported or made.
    """
    module, _, attribute = path.partition(":")
    try:
        llm = getattr(importlib.import_module(module), attribute)(**options)
    except Exception as error:
        raise ModelError(f"{path}: the model cannot be loaded ({error}).", "Install its package and check llm_options.") from None
    metadata = getattr(llm, "metadata", None)
    name = getattr(metadata, "model_name", None) or attribute
    return LlamaIndexModel(llm, str(name), int(getattr(metadata, "context_window", 0) or window), path, forward=False)
