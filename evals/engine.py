"""Baseline: LlamaIndex's CitationQueryEngine over the same store, retrieval and model."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.query_engine import CitationQueryEngine
from pydantic import PrivateAttr

from assistant.core import Assistant
from assistant.llamaindex import PaperRetriever
from assistant.llm import LanguageModel, Message, ModelError, ModelSettings, Usage, make_model, said
from evals.cases import Case
from evals.systems import Outcome, Statement
from store.errors import QuestionError
from store.sentences import split_sentences

_TOP = 6
_CITED = re.compile(r"\[(\d+)\]")


class CitationEngine:
    """CitationQueryEngine fed by the product's retrieval, six papers a question.

    Args:
        path: the store.
        options: the model.

    Raises:
        ModelError: no model is named, or it cannot be had.
    """

    def __init__(self, path: Path, options: ModelSettings) -> None:
        model = make_model(options)
        if model is None:
            raise ModelError("citation-engine needs a model.", "Name one: --llm NAME@http://localhost:8080/v1")
        self._llm = _Counting(model, options)
        self._engine: Any = CitationQueryEngine(PaperRetriever(Assistant(path), _TOP), llm=self._llm, citation_chunk_size=512)

    def run(self, case: Case, gold: Sequence[set[str]]) -> Outcome:
        """Ask one case.

        Raises:
            ModelError: the model does not answer.
        """
        if case.kind in ("topic", "followup", "rationale", "retrieval"):
            return Outcome("unsupported")
        began = time.perf_counter()
        self._llm.forget()
        try:
            response = self._engine.query(case.asked)
        except QuestionError as error:
            return Outcome("abstained", "bad-question", text=str(error), returned=(), statements=())
        text = str(response).strip()
        sources = [(node.node.metadata["id"], node.node.get_content()) for node in response.source_nodes]
        statements = []
        for span in split_sentences(text):
            sentence = text[span.start : span.end]
            cites = [sources[int(n) - 1][0] for n in _CITED.findall(sentence) if 0 < int(n) <= len(sources)]
            statements.append(Statement(_CITED.sub("", sentence).strip(), tuple(dict.fromkeys(cites))))
        usage = self._llm.usage
        return Outcome(
            "answered",
            ranking=tuple(dict.fromkeys(id for id, _ in sources)),
            returned=tuple(dict.fromkeys(id for s in statements for id in s.cites)),
            statements=tuple(statements),
            premises=tuple(sources),
            text=text,
            seconds=time.perf_counter() - began,
            prompt_tokens=usage.prompt_tokens,
            tokens=usage.prompt_tokens + usage.completion_tokens,
            calls=usage.calls,
            cost=usage.cost,
        )


class _Counting(CustomLLM):  # type: ignore[misc]
    """One of the program's models as LlamaIndex wants it, with what it used."""

    _model: LanguageModel = PrivateAttr()
    _options: ModelSettings = PrivateAttr()
    _usage: Usage = PrivateAttr(default_factory=Usage)

    def __init__(self, model: LanguageModel, options: ModelSettings) -> None:
        super().__init__()
        self._model = model
        self._options = options

    @property
    def metadata(self) -> LLMMetadata:
        """Its name and limits."""
        limit = self._options.llm_max_tokens
        return LLMMetadata(context_window=self._model.window, num_output=limit, model_name=self._model.name)

    @property
    def usage(self) -> Usage:
        """What it used since the last :meth:`forget`."""
        return self._usage

    def forget(self) -> None:
        """Count from nothing again."""
        self._usage = Usage()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The whole reply."""
        text, usage = said(self._model, (Message("user", prompt),), self._options)
        self._usage += usage
        return CompletionResponse(text=text)

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
        """The whole reply at once."""
        yield self.complete(prompt, formatted)
