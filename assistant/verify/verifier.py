"""The verdict on a sentence: what the entailment model makes of it, and features of numbers, directions, names and wording, weighed by a logistic model.

The weights are fitted by ``python -m evals.verifier`` and kept in ``verifier.json``; docs/verification.md has the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Protocol

from assistant.verify.direction import negation_count, negations, opposed, turned, unmatched_directions
from assistant.verify.entailment import EntailmentModel
from assistant.verify.figures import mislabelled, swapped, unmatched
from assistant.verify.names import unmatched_names
from assistant.verify.wording import Wording, compare, wider

_SAID = 3
# Share of a claim's content words that evidence nobody cited must hold: of what a small model wrote without citing, a reader found hardly
# anything below it borne out, however sure the entailment model was (docs/verification.md).
_OWN_WORDS = 0.85
_LEAST = 1e-4
_MEANS = {
    "reversed": "the evidence says otherwise",
    "clause": "it adds something that is not in the evidence",
    "number": "the evidence has another number",
    "name": "the evidence names something else",
    "wider": "it is wider than the evidence",
    "topic": "the evidence does not say it",
}


@dataclass(frozen=True, slots=True)
class Premise:
    """What a sentence cites.

    Args:
        sentences: the cited sentences.
        context: title and abstract of what they are from, for abbreviations and names; empty where not known.
        title: the title, which counts as evidence for names.
    """

    sentences: tuple[str, ...]
    context: str = ""
    title: str = ""

    @property
    def text(self) -> str:
        """All that counts as evidence for numbers, names and directions."""
        return " ".join(self.sentences)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a sentence is supported.

    Args:
        supported: the decision at the shipped threshold.
        probability: that it is, 0 to 1.
        why: what speaks against it, plainest first; empty where it is supported.
        features: what the model weighed.
    """

    supported: bool
    probability: float
    why: tuple[str, ...]
    features: Mapping[str, float]


class WordPieces(Protocol):
    """Cuts texts into word pieces, as :class:`store.embed.OnnxEmbedder` does."""

    def word_pieces(self, text: str) -> list[int]:
        """Their ids."""
        ...


class Verifier:
    """Judges sentences against what they cite.

    Args:
        embedder: cuts texts into word pieces; the one the program ships, whatever the store uses.
    """

    name = "verifier"
    # A number that is not there needs no weighing.
    hard = ("numbers", "swapped")

    def __init__(self, embedder: WordPieces) -> None:
        self._entailment = EntailmentModel(embedder.word_pieces)

    def verify(self, sentence: str, premise: Premise, *, strictly: bool = False) -> Verdict:
        """Judge one sentence.

        Args:
            sentence: a claim, without citation marks.
            premise: all that it cites.
            strictly: nobody cited the premise, it was searched for: more must speak for it, since of many premises one fits by chance.
        """
        features, why = self.features(sentence, premise)
        model = _model()
        score = model.intercept + sum(weight * features[name] for name, weight in model.weights.items())
        probability = 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))
        hard = any(features[name] > 0 for name in self.hard)
        supported = not hard and probability >= (model.strict if strictly else model.threshold)
        if strictly and features["exact"] < _OWN_WORDS:
            supported = False
        return Verdict(supported, 0.0 if hard else probability, () if supported else why or ("its words go beyond the evidence",), features)

    def features(self, sentence: str, premise: Premise) -> tuple[dict[str, float], tuple[str, ...]]:
        """What is weighed, and what speaks against the sentence in words."""
        evidence = premise.text
        wording = compare(sentence, premise.sentences, premise.context)
        entailed = self._entailment.judge(premise.title, evidence, sentence)
        titled = f"{premise.title}. {evidence}"
        lacking = [*unmatched(sentence, titled), *mislabelled(sentence, titled)]
        names = unmatched_names(sentence, titled, premise.context)
        against, elsewhere = opposed(sentence, evidence)
        only_claimed, only_held = negations(sentence, evidence)
        strong = wider(sentence, evidence)
        directions = unmatched_directions(sentence, evidence)
        exchanged = swapped(sentence, evidence)
        crossed = turned(sentence, evidence)
        features = {
            "numbers": float(len(lacking)),
            "names": float(len(names)),
            "swapped": float(exchanged),
            "opposed": float(min(2, len(against))),
            "opposed elsewhere": float(min(2, len(elsewhere))),
            "turned": float(crossed),
            "negated": float(min(2, only_claimed)),
            "unnegated": float(min(2, only_held)),
            "negations": float(min(3, abs(negation_count(sentence) - negation_count(evidence) / max(1, len(premise.sentences))))),
            "more negations": float(negation_count(sentence) > negation_count(evidence)),
            "wider": float(min(2, len(strong))),
            "directions": float(min(3, len(directions))),
            **_wording_features(wording),
            "entailed": math.log(max(_LEAST, entailed.right) / max(_LEAST, 1 - entailed.right)),
        }
        why = [f"{text} is not in the evidence" for text in [*lacking, *names][:_SAID]]
        why += ["its numbers are exchanged"] if exchanged else []
        worst = max(_MEANS, key=lambda kind: entailed.wrong[kind])
        words = {
            "reversed": [f"the evidence says the opposite of “{word}”" for word in against[:_SAID]],
            "wider": [f"“{word}” is wider than the evidence" for word in strong[:_SAID]],
        }.get(worst, [f"not in the evidence: “{gap}”"] if (gap := _gap(wording)) else [])
        return features, (*why, *(words or [_MEANS[worst]]))


def _wording_features(wording: Wording) -> dict[str, float]:
    count, exact = len(wording.words), wording.exact
    return {
        "exact": sum(exact) / count if count else 0.0,
        "run": float(min(6, _longest(exact))),
        "unheld": float(min(10, count - sum(exact))),
    }


def _longest(exact: Sequence[bool]) -> int:
    best = run = 0
    for held in exact:
        run = 0 if held else run + 1
        best = max(best, run)
    return best


def _gap(wording: Wording) -> str:
    """The longest run of words that the evidence does not hold, where it is more than two."""
    best: list[str] = []
    run: list[str] = []
    for word, held in zip(wording.words, wording.exact, strict=True):
        run = [] if held else [*run, word]
        best = run if len(run) > len(best) else best
    return " ".join(best) if len(best) > 2 else ""


@dataclass(frozen=True, slots=True)
class _Model:
    weights: Mapping[str, float]
    intercept: float
    threshold: float
    strict: float


@lru_cache(maxsize=1)
def _model() -> _Model:
    data = json.loads(files("assistant.verify").joinpath("verifier.json").read_text(encoding="utf-8"))
    return _Model(data["weights"], data["intercept"], data["threshold"], data["strict"])
