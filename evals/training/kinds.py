"""Train the model that says what kind of answer a question wants, and write ``assistant/query/kinds.npz``.

    python -m evals.training.kinds --eval ../shared/eval [--write]

Fitted on two hands of query_kinds, four of ``evals/data/question_kinds.jsonl`` and ml_questions/train; measured on the other three hands and on
ml_questions/dev. ml_questions knows no counts; its unanswerable questions are left out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

from assistant.query.kinds import KINDS, surface_features
from evals.cases import read_rows
from evals.training.typos import misspell
from evals.training.weights import save_arrays
from store.embed import shipped_embedder

OWN = Path(__file__).resolve().parents[1] / "data" / "question_kinds.jsonl"
TARGET = Path(__file__).resolve().parents[2] / "assistant" / "query" / "kinds.npz"
# What the kinds of query_kinds ask for; those about the corpus, the assistant and authors are told by other means.
MODES = {
    "fact": "answer", "definition": "answer", "yesno": "answer", "twosided": "answer", "summary": "answer", "list": "list", "related": "list",
    "count": "count", "compare": "compare",
}  # fmt: skip
# Chosen on the hands not fitted on: how often a feature must occur, what the vector's coordinates are multiplied by, the penalty, and what a
# question typed for this purpose weighs beside one of ml_questions.
_LEAST, _SCALE, _PENALTY, _OWN_WEIGHT = 3, 3.0, 33.0, 6.0
_HAND = "q3"
_OWN_HANDS = (4, 5)

Row = tuple[str, str, float]


def rows(folder: Path, split: str) -> Iterator[Row]:
    """Question, kind and weight; ``split`` is ``train`` or ``dev``."""
    for path in sorted((folder / "query_kinds").glob("*.jsonl")):
        if (path.stem == _HAND) == (split == "dev"):
            for _, row in read_rows(path):
                if row["kind"] in MODES:
                    yield row["q"], MODES[row["kind"]], _OWN_WEIGHT
    for _, row in read_rows(OWN):
        if row["kind"] in MODES and (row["hand"] in _OWN_HANDS) == (split == "dev"):
            yield row["q"], MODES[row["kind"]], _OWN_WEIGHT
    for _, row in read_rows(folder / "ml_questions" / f"{split}.jsonl"):
        if row["kind"] in KINDS:
            yield row["question"], row["kind"], 1.0


def main() -> None:
    """Run the command."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval", type=Path, required=True, help="the folder of labelled sets")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    embedder, random = shipped_embedder(), Random(0)
    train, dev = list(rows(args.eval, "train")), list(rows(args.eval, "dev"))
    # As people type: a copy of each in lower case with a slip.
    noisy = [(misspell(text.lower().rstrip("?"), random), kind, weight / 3) for text, kind, weight in train if random.random() < 0.3]
    train += noisy
    counts = Counter(feature for text, _, _ in train for feature in surface_features(text))
    vocabulary = {feature: n for n, feature in enumerate(sorted(f for f, c in counts.items() if c >= _LEAST))}

    def matrix(part: list[Row]) -> csr_matrix:
        places = [[vocabulary[f] for f in surface_features(text) if f in vocabulary] for text, _, _ in part]
        indptr = np.cumsum([0, *map(len, places)])
        words = csr_matrix((np.ones(indptr[-1]), np.concatenate(places), indptr), shape=(len(part), len(vocabulary)))
        return hstack([words, csr_matrix(_SCALE * np.array([embedder.embed_query(text) for text, _, _ in part]))]).tocsr()

    model = LogisticRegression(C=1 / _PENALTY, max_iter=2000)
    model.fit(matrix(train), [kind for _, kind, _ in train], sample_weight=[weight for _, _, weight in train])
    found = model.predict(matrix(dev)).tolist()
    for name, part in (("hands not fitted on", _OWN_WEIGHT), ("ml_questions/dev", 1.0)):
        pairs = [(kind, guess) for (_, kind, weight), guess in zip(dev, found, strict=True) if weight == part]
        print(
            f"{name}: right {np.mean([a == b for a, b in pairs]):.3f} of {len(pairs)}; {sorted(Counter(p for p in pairs if p[0] != p[1]).items())}"
        )
    if args.write:
        # What is shipped has seen all hands; the figures above are of a model that has not.
        model.fit(
            matrix([*train, *dev]), [kind for _, kind, _ in (*train, *dev)], sample_weight=[weight for _, _, weight in (*train, *dev)]
        )
        order = [list(model.classes_).index(kind) for kind in KINDS]
        weights = model.coef_[order].T
        save_arrays(TARGET, {
            "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), np.uint8), "words": weights[: len(vocabulary)].astype(np.float16),
            "vector": (_SCALE * weights[len(vocabulary) :]).astype(np.float16), "bias": model.intercept_[order].astype(np.float32),
            "embedder": np.array(embedder.name),
        })  # fmt: skip


if __name__ == "__main__":
    main()
