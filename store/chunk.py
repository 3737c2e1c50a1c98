"""Entries to chunks: stretches that fit the embedder whole, title included, sentences kept together."""

from __future__ import annotations

from collections.abc import Callable

from store.sentences import split_sentences
from store.types import Chunk, Entry, Span

_TITLE_SHARE = 4


def chunk_entry(entry: Entry, count: Callable[[str], int], limit: int) -> tuple[Chunk, ...]:
    """Cut an entry into chunks.

    Nearly every abstract is one chunk. A longer one is cut between sentences by LlamaIndex's SentenceSplitter, measured
    with the embedder's own tokenizer; nothing is left out.

    Args:
        entry: the entry.
        count: number of the embedder's tokens in a text.
        limit: tokens that the embedder reads, title included.

    Returns:
        Chunks in order. Together their spans hold every character of the abstract that is not white space.
    """
    sentences = split_sentences(entry.abstract)
    title = _carried(entry.title, count, limit // _TITLE_SHARE)
    room = limit - (count(title) if title else 0)
    whole = Span(0, len(entry.abstract))
    spans = [whole] if count(entry.abstract) <= room else _cut(entry.abstract, sentences, count, room)
    return tuple(
        Chunk(
            id=f"{entry.id}#{number}",
            entry_id=entry.id,
            ordinal=number,
            title=title,
            span=span,
            text=entry.abstract[span.start : span.end],
            sentences=tuple(s for s in sentences if span.start <= (s.start + s.end - 1) // 2 < span.end),
        )
        for number, span in enumerate(spans)
    )


def _carried(title: str | None, count: Callable[[str], int], limit: int) -> str | None:
    """The title, cut at a word where it would leave too little room for the abstract."""
    if not title or count(title) <= limit:
        return title or None
    words = title.split()
    while len(words) > 1 and count(" ".join(words)) > limit:
        words = words[: len(words) * 3 // 4]
    return " ".join(words)[: 4 * limit]


def _cut(text: str, sentences: tuple[Span, ...], count: Callable[[str], int], room: int) -> list[Span]:
    from llama_index.core.node_parser import SentenceSplitter

    bounds = [s.start for s in sentences[1:]]
    pieces = [text[a:b] for a, b in zip([0, *bounds], [*bounds, len(text)], strict=True)]
    splitter = SentenceSplitter(
        chunk_size=room,
        chunk_overlap=0,
        tokenizer=lambda part: [0] * count(part),
        chunking_tokenizer_fn=lambda part: pieces if part == text else [part],
    )
    spans: list[Span] = []
    at = 0
    for part in splitter.split_text(text):
        start = text.index(part.strip(), at)
        at = start + len(part.strip())
        spans.append(Span(start, at))
    return spans
