"""From what a user writes (``--llm``) to a model. Nothing is imported or sent before that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from assistant.llm.base import LanguageModel, ModelError
from store.endpoints import KEYS, PLACES, find_key
from store.errors import SettingsError

NONE = "none"
_FORMS = "Write NAME@URL, openai:NAME, ollama:NAME, lmstudio:NAME, llamacpp:NAME, vllm:NAME, a .gguf file, or package.module:Class."


class ModelSettings(BaseModel):
    """Which model writes, and how it is called.

    Attributes:
        llm: the model: see ``--llm``; ``none`` for none.
        llm_key_env: environment variable with the endpoint's key.
        llm_key_file: file with the key, readable by its owner only.
        llm_window: tokens the model reads and writes at most.
        llm_max_tokens: tokens an answer may have.
        llm_timeout: seconds an answer may take.
        llm_price: dollars a million tokens, prompt and completion, as ``0.15,0.60``.
        llm_options: further arguments of the LlamaIndex class.
        max_cost: dollars a question may cost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    llm: str = NONE
    llm_key_env: str = ""
    llm_key_file: str = ""
    llm_window: int = Field(default=8192, ge=512, le=10_000_000)
    llm_max_tokens: int = Field(default=700, ge=16, le=100_000)
    llm_timeout: float = Field(default=60.0, gt=0, le=3600)
    llm_price: str = "0,0"
    llm_options: dict[str, Any] = Field(default_factory=dict)
    max_cost: float | None = Field(default=None, ge=0)

    @property
    def price(self) -> tuple[float, float]:
        """Dollars a million tokens, prompt and completion.

        Raises:
            SettingsError: it is not two numbers.
        """
        try:
            prompt, completion = map(float, self.llm_price.split(","))
        except ValueError:
            raise SettingsError(f"llm_price {self.llm_price!r} is not two numbers.", "Write for example 0.15,0.60") from None
        return prompt, completion

    def cost(self, prompt: int, completion: int) -> float:
        """Dollars for so many tokens."""
        return (prompt * self.price[0] + completion * self.price[1]) / 1e6


def make_model(settings: ModelSettings) -> LanguageModel | None:
    """The model the settings name, or None for ``none``.

    Raises:
        ModelError: the file, the key or the class is not there.
        SettingsError: the name has none of the known forms.
    """
    text = settings.llm.strip()
    if text.lower() in ("", NONE):
        return None
    window = settings.llm_window
    if text.endswith(".gguf"):
        from assistant.llm.gguf import GgufModel

        return GgufModel(Path(text).expanduser(), window)
    name, at, url = text.partition("@")
    if at and url.startswith(("http://", "https://")) and name:
        return _endpoint(name, url, settings, settings.llm_key_env)
    place, colon, rest = text.partition(":")
    if colon and place in PLACES and rest:
        return _endpoint(rest, PLACES[place], settings, settings.llm_key_env or KEYS.get(place, ""))
    if colon and "." in place and rest.isidentifier():
        from assistant.llm.llamaindex import by_path

        return by_path(text, window=window, options=settings.llm_options)
    raise SettingsError(f"{text}: not a model.", _FORMS)


def _endpoint(name: str, url: str, settings: ModelSettings, variable: str) -> LanguageModel:
    from assistant.llm.llamaindex import openai_compatible

    key = find_key("llm", variable=variable, file=settings.llm_key_file, error=ModelError)
    timeout = settings.llm_timeout
    return openai_compatible(name, url, key, window=settings.llm_window, timeout=timeout, options=settings.llm_options)
