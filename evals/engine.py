"""Baseline: LlamaIndex's CitationQueryEngine over the same store, retrieval and model."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assistant.core import Assistant
from evals.cases import Case
from evals.models import ModelError, ModelSettings
from evals.systems import Outcome, Statement
from store.errors import QuestionError
from store.sentences import split_sentences

# Worker processes get the model through the environment, as they get everything else.
MODEL_ENV = "ASSISTANT_EVAL_MODEL"
_TOP = 6
_REPLY = 300
_CITED = re.compile(r"\[(\d+)\]")


def configured() -> ModelSettings:
    """The model that was named on the command line.

    Raises:
        ModelError: none was.
    """
    text = os.environ.get(MODEL_ENV)
    if not text:
        raise ModelError("citation-engine needs a model.", "Name one: --model NAME --model-url http://localhost:8080/v1")
    data = json.loads(text)
    return ModelSettings(**{**data, "price": tuple(data["price"])})


class CitationEngine:
    """CitationQueryEngine fed by the product's retrieval, six papers a question.

    Args:
        path: the store.

    Raises:
        ModelError: no model is configured.
    """

    def __init__(self, path: Path) -> None:
        from llama_index.core.query_engine import CitationQueryEngine
        from llama_index.core.retrievers import BaseRetriever
        from llama_index.core.schema import NodeWithScore, TextNode
        from llama_index.llms.openai_like import OpenAILike

        model = configured()
        self.settings: dict[str, Any] = {"system": "citation-engine", "model": asdict(model), "top": _TOP}
        self._model = model
        self._assistant = Assistant(path)
        assistant = self._assistant

        class Retriever(BaseRetriever):  # type: ignore[misc]
            def _retrieve(self, query_bundle: Any) -> list[Any]:
                hits = assistant.search(query_bundle.query_str, _TOP)
                return [
                    NodeWithScore(
                        node=TextNode(text=f"{h.entry.title or ''}\n{h.entry.abstract}", metadata={"entry": h.entry.id}), score=h.score
                    )
                    for h in hits
                ]

        llm = OpenAILike(
            model=model.name,
            api_base=model.url,
            api_key=model.key,
            context_window=model.window,
            max_tokens=_REPLY,
            temperature=0.0,
            is_chat_model=True,
            timeout=180,
        )
        self._engine: Any = CitationQueryEngine(Retriever(), llm=llm, citation_chunk_size=512)

    def run(self, case: Case, gold: Sequence[set[str]]) -> Outcome:
        """Ask one case."""
        if case.kind in ("topic", "followup", "rationale", "retrieval"):
            return Outcome("unsupported")
        began = time.perf_counter()
        try:
            response = self._engine.query(case.asked)
        except QuestionError as error:
            return Outcome("abstained", "bad-question", text=str(error), returned=(), statements=())
        except Exception as error:
            raise ModelError(
                f"{self._model.url}: the model does not answer ({error}).", "Check --model, --model-url and --key-env."
            ) from None
        text = str(response).strip()
        sources = [(node.node.metadata["entry"], node.node.get_content()) for node in response.source_nodes]
        statements = []
        for span in split_sentences(text):
            sentence = text[span.start : span.end]
            cites = [sources[int(n) - 1][0] for n in _CITED.findall(sentence) if 0 < int(n) <= len(sources)]
            statements.append(Statement(_CITED.sub("", sentence).strip(), tuple(dict.fromkeys(cites))))
        return Outcome(
            "answered",
            ranking=tuple(dict.fromkeys(id for id, _ in sources)),
            returned=tuple(dict.fromkeys(id for s in statements for id in s.cites)),
            statements=tuple(statements),
            premises=tuple(sources),
            text=text,
            seconds=time.perf_counter() - began,
        )
