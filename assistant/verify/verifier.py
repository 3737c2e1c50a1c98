"""The verdict on a sentence: features of numbers, directions, names and wording, weighed by a logistic model.

The weights are fitted by ``python -m evals.verifier`` on experts' summaries with their evidence, on alterations of them written by hand, and on evidence of other
papers; they are kept in ``verifier.json``. docs/verification.md has the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from assistant.verify.direction import negation_count, negations, opposed, turned, unmatched_directions
from assistant.verify.names import unmatched_names
from assistant.verify.numbers import swapped, unmatched
from assistant.verify.wording import WordEmbedder, Wording, Words, wider

_LOW = 0.55
_WINDOWS = (3, 5)
_SAID = 3


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


class Verifier:
    """Judges sentences against what they cite.

    Args:
        embedder: vectors of words; the one the program ships, whatever the store uses.
    """

    name = "verifier"
    # A number or a name that is not there needs no weighing.
    hard = ("numbers", "names", "swapped")

    def __init__(self, embedder: WordEmbedder) -> None:
        self._words = Words(embedder)

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
        return Verdict(supported, 0.0 if hard else probability, () if supported else why or ("its words go beyond the evidence",), features)

    def features(self, sentence: str, premise: Premise) -> tuple[dict[str, float], tuple[str, ...]]:
        """What is weighed, and what speaks against the sentence in words."""
        evidence = premise.text
        wording = self._words.compare(sentence, premise.sentences, premise.context)
        lacking = unmatched(sentence, evidence)
        names = unmatched_names(sentence, f"{premise.title}. {evidence}", premise.context)
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
        }
        why = [f"{text} is not in the evidence" for text in [*lacking, *names][:_SAID]]
        why += ["its numbers are exchanged"] if exchanged else []
        why += [f"the evidence says the opposite of “{word}”" for word in against[:_SAID]]
        why += ["it compares the other way round"] if crossed else []
        why += ["a negation differs"] if only_claimed or only_held else []
        why += [f"“{word}” is wider than the evidence" for word in strong[:_SAID]]
        if gap := _gap(wording):
            why.append(f"not in the evidence: “{gap}”")
        return features, tuple(why)


def _wording_features(wording: Wording) -> dict[str, float]:
    count = len(wording.words)
    if not count:
        return dict.fromkeys(("exact", "soft", "cosine", "window3", "window5", "run", "low", "unheld", "least"), 0.0)
    soft, exact = wording.soft, wording.exact
    windows = {n: min(sum(soft[i : i + n]) / min(n, count) for i in range(max(1, count - n + 1))) for n in _WINDOWS}
    return {
        "exact": sum(exact) / count,
        "soft": sum(soft) / count,
        "cosine": wording.cosine,
        "window3": windows[3],
        "window5": windows[5],
        "run": float(min(6, _longest(exact))),
        "low": float(min(6, sum(s < _LOW for s in soft))),
        "unheld": float(min(10, count - sum(exact))),
        "least": min(soft),
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
