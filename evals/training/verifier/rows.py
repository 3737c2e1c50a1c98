"""What the entailment model is schooled on: sentences written for papers of ml_corpus, right and wrong ones, and evidence of other papers.

``evals/data/entailment.jsonl`` holds for each span of an abstract two or three sentences that it bears out and four to six that it does not, each with what is wrong with it. Eight helpers
(language models) wrote them, told what a good and a bad sentence is, and nothing of the verifier or of the data it is measured on; no paper of the development corpus or of ACLSum is among them. The
abstracts themselves are read from ``ml_corpus``.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from evals.cases import read_rows
from store.embed import Embedder
from store.sentences import split_sentences

KINDS = ("right", "reversed", "clause", "number", "name", "wider", "topic")
DATA = Path(__file__).resolve().parents[2] / "data" / "entailment.jsonl"
# Share of the spans kept from training, of 256.
_HELD = 26
_NEAREST = 8
_CROSSED = 1
# Of the last mixture.
_WRITTEN = 5_500
_COPIES = 900
_DISTRACTED = 0.4


@dataclass(frozen=True)
class Example:
    """A claim beside evidence.

    Args:
        span: number of the span the claim was written for; -1 where a rule made it.
        title, evidence: of the premise.
        claim: the sentence.
        kind: one of :data:`KINDS`; ``topic`` is what the evidence says nothing of.
    """

    span: int
    title: str
    evidence: str
    claim: str
    kind: str


def held_out(span: int) -> bool:
    """Whether a span is kept from training, to fit and measure with."""
    return hashlib.sha256(str(span).encode()).digest()[0] < _HELD


def read_corpus(folder: Path) -> Iterator[dict[str, Any]]:
    """Papers of ml_corpus."""
    with gzip.open(folder / "corpus_100k.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def written_examples(folder: Path, embedder: Embedder, *, held: bool, seed: int = 0) -> list[Example]:
    """Examples of the written sentences; right ones also beside the evidence of a paper near to theirs.

    Args:
        folder: of ml_corpus.
        embedder: says which papers are near.
        held: those kept from training, or the others.
        seed: chooses the near papers.
    """
    rows = [row for _, row in read_rows(DATA) if held_out(row["n"]) is held]
    wanted = {row["id"] for row in rows}
    papers = {paper["_id"]: paper for paper in read_corpus(folder) if paper["_id"] in wanted}
    spans = [(papers[row["id"]]["title"], papers[row["id"]]["text"][row["start"] : row["end"]]) for row in rows]
    vectors = np.array([embedder.embed_query(f"{title}. {evidence}") for title, evidence in spans])
    random = Random(seed)
    found = []
    for place, (row, (title, evidence)) in enumerate(zip(rows, spans, strict=True)):
        found += [Example(row["n"], title, evidence, text, "right") for text in row["right"]]
        found += [Example(row["n"], title, evidence, one["text"], one["kind"]) for one in row["wrong"]]
        near = np.argsort(-(vectors @ vectors[place]))[1:_NEAREST]
        for text in row["right"][:_CROSSED]:
            other_title, other = spans[random.choice(near)]
            found.append(Example(row["n"], other_title, other, text, "topic"))
    return found


def mixed_examples(written: Sequence[Example], made: Sequence[Example], seed: int = 2) -> list[Example]:
    """A last mixture, against what the written sentences teach wrongly: that right is what is reworded, and that all evidence is one sentence.

    Written and made examples; sentences word for word as right, and as wrong beside another paper; and for two in five a sentence of another paper within the evidence.

    Args:
        written: from :func:`written_examples`.
        made: from :func:`evals.training.verifier.rules.made_examples`.
        seed: of what is chosen.
    """
    random = Random(seed)
    evidence = list({(one.title, one.evidence) for one in written})
    evidence.sort()
    copies = []
    for title, text in random.sample(evidence, min(_COPIES, len(evidence))):
        sentences = [text[s.start : s.end] for s in split_sentences(text)]
        copies.append(Example(-1, title, text, random.choice(sentences), "right"))
        copies.append(Example(-1, *random.choice(evidence), random.choice(sentences), "topic"))
    found = []
    for one in [*random.sample(list(written), min(_WRITTEN, len(written))), *made, *copies]:
        if random.random() < _DISTRACTED:
            other = random.choice(evidence)[1]
            both = [one.evidence, other] if random.random() < 0.5 else [other, one.evidence]
            one = replace(one, evidence=" ".join(both))
        found.append(one)
    return found


def summary_examples(folder: Path, seed: int = 4) -> list[Example]:
    """ACLSum's experts' summaries with their evidence, and beside that of another paper; without the cases the verifier is measured on."""
    from evals.loaders import load

    random = Random(seed)
    data = DATA.with_name("alterations.jsonl")
    measured = {row.get("case") or row["entry"] for _, row in read_rows(data) if row["set"] == "aclsum"}
    dataset = load(str(folder))
    papers = {row["id"]: row for row in map(json.loads, dataset.documents)}
    papers_measured = {name.rsplit("-", 1)[0] if name not in papers else name for name in measured}
    rows = [
        (papers[case.gold[0][0]]["title"] or "", " ".join(case.evidence), case.asked)
        for case in dataset.cases
        if case.gold[0][0] not in papers_measured and case.evidence
    ]
    found = []
    for title, text, claim in rows:
        found.append(Example(-1, title, text, claim, "right"))
        other = random.choice(rows)
        if other[0] != title:
            found.append(Example(-1, other[0], other[1], claim, "topic"))
    return found


def pieces(word_pieces: Any, title: str, evidence: str, claim: str) -> tuple[list[int], list[int]]:
    """Token ids and segments, as the verifier makes them."""
    from assistant.verify.entailment import encoded

    return encoded(word_pieces, title, evidence, claim)
