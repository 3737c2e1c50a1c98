"""The corpus inside a LlamaIndex program: a retriever and a query engine.

from assistant.llamaindex import PaperQueryEngine, PaperRetriever
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import Response
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from assistant.core import Assistant

if TYPE_CHECKING:
    from store.types import Entry


def _opened(corpus: Assistant | Path | str) -> Assistant:
    return corpus if isinstance(corpus, Assistant) else Assistant(Path(corpus))


def _node(entry: Entry, text: str) -> TextNode:
    metadata = {"id": entry.id, "title": entry.title, "url": entry.url, "source": ", ".join(map(str, entry.provenance))}
    return TextNode(text=text, id_=entry.id, metadata=metadata)


class PaperRetriever(BaseRetriever):  # type: ignore[misc]
    """Papers by the program's own ranking; a node holds title and abstract, and where it is from as metadata.

    Args:
        corpus: an assistant, or the folder of a store.
        count: papers a query.
    """

    def __init__(self, corpus: Assistant | Path | str, count: int = 10) -> None:
        super().__init__()
        self._assistant = _opened(corpus)
        self._count = count

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._assistant.search(query_bundle.query_str, self._count)
        return [NodeWithScore(node=_node(h.entry, f"{h.entry.title or ''}\n{h.entry.abstract}".strip()), score=h.score) for h in hits]


class PaperQueryEngine(BaseQueryEngine):  # type: ignore[misc]
    """Cited answers; the source nodes are the cited sentences, in the order of their [n], with their span as metadata.

    Args:
        corpus: an assistant, or the folder of a store.
    """

    def __init__(self, corpus: Assistant | Path | str) -> None:
        super().__init__(callback_manager=None)
        self._assistant = _opened(corpus)

    def _get_prompt_modules(self) -> dict[str, Any]:
        return {}

    def _query(self, query_bundle: QueryBundle) -> Response:
        answer = self._assistant.ask(query_bundle.query_str)
        entries = self._assistant.store.ledger.entries(list({c.id for c in answer.citations}))
        nodes = []
        for citation in answer.citations:
            node = _node(entries[citation.id], citation.quote)
            node.id_ = f"{citation.id}:{citation.start}-{citation.end}"
            node.metadata |= {"n": citation.n, "start": citation.start, "end": citation.end, "field": citation.field}
            nodes.append(NodeWithScore(node=node))
        return Response(response=answer.text, source_nodes=nodes, metadata=answer.as_json())

    async def _aquery(self, query_bundle: QueryBundle) -> Response:
        return await asyncio.to_thread(self._query, query_bundle)
