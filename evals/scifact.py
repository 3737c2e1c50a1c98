"""Retrieval on SciFact: the shipped recipe beside BM25 alone and dense alone, and the vector index against exact search.

assistant ingest scifact/corpus.jsonl.gz --store STORE
python -m evals.scifact --store STORE --folder scifact
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evals.fit import interval
from store.lexical import terms
from store.retrieve import retrieve
from store.store import Store


def ndcg(ranked: Sequence[str], gold: set[str], cut: int = 10) -> float:
    """nDCG with binary gains (Järvelin and Kekäläinen 2002)."""
    gain = sum(1 / math.log2(n + 1) for n, id in enumerate(ranked[:cut], start=1) if id in gold)
    return gain / sum(1 / math.log2(n + 1) for n in range(1, min(cut, len(gold)) + 1))


def index_recall(store: Store, texts: Sequence[str], cut: int = 100) -> list[float]:
    """For each text, the share of the entries of the nearest chunks, by exact cosine, that the vector index finds too."""
    rows = list(store.ledger.vectors(list(store.ledger.entries())))
    matrix = np.array([row.vector for row in rows])
    shares = []
    for text in texts:
        vector = store.embedder.embed_query(text)
        best = {rows[at].entry for at in np.argsort(-(matrix @ vector), kind="stable")[:cut]}
        shares.append(len(best & {id for id, _ in store.vectors.query(vector, cut)}) / len(best))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    claims = {}
    for line in (args.folder / "claims_train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        claims[str(row["id"])] = row["claim"]
    gold: dict[str, set[str]] = {}
    with Store(args.store) as store, (args.folder / "beir_qrels_train.tsv").open(encoding="utf-8") as file:
        for qid, doc, grade in csv.reader(file, delimiter="\t"):
            if grade.isdecimal() and int(grade) > 0 and (entry := store.ledger.find_key(f"alias:{doc}")):
                gold.setdefault(qid, set()).add(entry)
        for name, weight in (("BM25 alone", 1.0), ("dense alone", 0.0), ("shipped", 0.3)):
            scores = []
            for qid, docs in gold.items():
                text = claims[qid]
                found = retrieve(store, store.embedder.embed_query(text), dict(Counter(terms(text))), lexical_weight=weight)
                scores.append(ndcg([c.id for c in found], docs))
            print(f"{name}: nDCG@10 {interval(scores)}", flush=True)
        print(f"vector index, recall@100 against exact search: {interval(index_recall(store, [claims[qid] for qid in gold]))}")


if __name__ == "__main__":
    main()
