"""A language model for baselines and judges: an OpenAI-compatible endpoint that is named outright. Nothing is sent without it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from store.errors import UserError


class ModelError(UserError):
    """A model that is not configured or does not answer."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Where a model is.

    Args:
        name: as the endpoint calls it.
        url: base address of the endpoint, ending in ``/v1``.
        key_env: environment variable that holds the key; empty for none.
        price: dollars a million tokens, prompt and completion.
        window: tokens it reads at once.
    """

    name: str
    url: str
    key_env: str = ""
    price: tuple[float, float] = (0.0, 0.0)
    window: int = 4096

    @property
    def key(self) -> str:
        """The key, or a placeholder for endpoints that want none.

        Raises:
            ModelError: the variable is not set.
        """
        if not self.key_env:
            return "none"
        if not (key := os.environ.get(self.key_env)):
            raise ModelError(f"The environment variable {self.key_env} is not set.", "Set it to the key, or leave --key-env out.")
        return key

    def cost(self, prompt: int, completion: int) -> float:
        """Dollars for so many tokens."""
        return (prompt * self.price[0] + completion * self.price[1]) / 1e6


def complete(settings: ModelSettings, prompt: str, limit: int) -> tuple[str, int, int]:
    """What the model says, at temperature 0, with prompt and completion tokens.

    Raises:
        ModelError: it cannot be reached or refuses.
    """
    import openai

    try:
        answer = _client(settings).chat.completions.create(
            model=settings.name, messages=[{"role": "user", "content": prompt}], max_tokens=limit, temperature=0, seed=0
        )
    except openai.OpenAIError as error:
        raise ModelError(f"{settings.url}: the model does not answer ({error}).", "Check --model, --model-url and --key-env.") from None
    usage = answer.usage
    return answer.choices[0].message.content or "", usage.prompt_tokens if usage else 0, usage.completion_tokens if usage else 0


@lru_cache(maxsize=2)
def _client(settings: ModelSettings) -> Any:
    import openai

    return openai.OpenAI(base_url=settings.url, api_key=settings.key, timeout=120, max_retries=1)
