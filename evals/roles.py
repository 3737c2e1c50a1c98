"""Fit the model of sentence roles on CSAbstruct's training part, and measure it on the others.

python -m evals.roles --csabstruct DIR [--write]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.roles import ROLES, RoleModel, features
from evals.cases import read_rows
from evals.figures import shown

_TARGET = Path(__file__).resolve().parent.parent / "assistant" / "roles.json"
# Features seen less often are left out; of the others the strongest are kept.
_LEAST = 4
_KEPT = 1500
_STRENGTH = 0.3
# How much transitions count; of .3 to 1 on the development part, all within .007 of each other.
_MOVES = 0.5


def fit(abstracts: Sequence[dict[str, Any]]) -> RoleModel:
    """Fit on abstracts with a label a sentence; needs scikit-learn."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    rows = [features(one["sentences"], n) for one in abstracts for n in range(len(one["sentences"]))]
    labels = [ROLES.index(label) for one in abstracts for label in one["labels"]]
    seen = Counter(name for row in rows for name in row)
    kept = {name for name, count in seen.items() if count >= _LEAST}
    for limit in (None, _KEPT):
        table = DictVectorizer()
        values = table.fit_transform([{name: value for name, value in row.items() if name in kept} for row in rows])
        model = LogisticRegression(C=_STRENGTH, max_iter=500).fit(values, labels)
        names = table.get_feature_names_out()
        if limit is None:
            strength = np.abs(model.coef_).max(axis=0) * np.sqrt(np.asarray((values != 0).mean(axis=0)).ravel())
            kept = {str(name) for name in names[np.argsort(-strength)[:_KEPT]]}
    moves = np.ones((len(ROLES) + 1, len(ROLES)))
    for one in abstracts:
        before = len(ROLES)
        for label in one["labels"]:
            moves[before, ROLES.index(label)] += 1
            before = ROLES.index(label)
    usual = np.log(np.bincount(labels) / len(labels))
    transitions = _MOVES * (np.log(moves / moves.sum(axis=1, keepdims=True)) - usual)
    weights = {str(name): [round(float(w), 3) for w in column] for name, column in zip(names, model.coef_.T, strict=True)}
    return RoleModel(weights, [round(float(b), 3) for b in model.intercept_], np.round(transitions, 3).tolist())


def report(title: str, model: RoleModel, abstracts: Sequence[dict[str, Any]]) -> None:
    """Print the share labelled as people did, and F1 of each role."""
    pairs = [(got, want) for one in abstracts for got, want in zip(model.label(one["sentences"]), one["labels"], strict=True)]
    each = [
        float(np.mean([got == want for got, want in zip(model.label(one["sentences"]), one["labels"], strict=True)])) for one in abstracts
    ]
    print(
        f"{title}: sentences labelled as people did {np.mean([got == want for got, want in pairs]):.3f} (n={len(pairs)}); mean of abstracts {shown(each)}"
    )
    scores = []
    for role in ROLES:
        right = sum(got == want == role for got, want in pairs)
        scores.append(2 * right / max(1, sum((got == role) + (want == role) for got, want in pairs)))
        print(f"  F1 of {role}: {scores[-1]:.3f}")
    print(f"  mean F1: {np.mean(scores):.3f}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Fit and measure sentence roles.")
    parser.add_argument("--csabstruct", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write the fitted model")
    args = parser.parse_args()
    parts = {name: [row for _, row in read_rows(args.csabstruct / f"{name}.jsonl")] for name in ("train", "dev", "test")}
    model = fit(parts["train"])
    for name in ("dev", "test"):
        report(name, model, parts[name])
    if args.write:
        data = {"fitted_on": "CSAbstruct train", "weights": model.weights, "intercept": model.intercept, "transitions": model.transitions}
        _TARGET.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
