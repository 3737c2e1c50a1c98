"""The verifier's parts: numbers, names, directions, wording; and what a verdict must always say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.verify import Premise, Verifier
from assistant.verify.direction import opposed, turned
from assistant.verify.figures import mislabelled, swapped, unmatched
from assistant.verify.names import names, unmatched_names
from assistant.verify.numbers import numbers
from assistant.verify.wording import wider
from store.embed import shipped_embedder


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(shipped_embedder())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It rose by 3.5% to 80.1", [(3.5, "%"), (80.1, "")]),
        ("a 2 \\% drop and 4 percentage points", [(2, "%"), (4, "points")]),
        ("1,000 images, 1.5B parameters and 3 million users", [(1000, ""), (1.5e9, ""), (3e6, "")]),
        ("10x faster, a 3-fold gain, 2 times", [(10, "x"), (3, "x"), (2, "x")]),
        ("GPT-3 on CIFAR-10 in 3D with ResNet50", []),
        ("two data sets, twice", [(2, ""), (2, "x")]),
        ("ranks 2nd", [(2, "place")]),
        ("7-billion model", [(7e9, "")]),
        ("twenty-three of four hundred thousand", [(23, ""), (4e5, "")]),
        ("a hundredfold, x3.5 and 60X", [(100, "x"), (3.5, "x"), (60, "x")]),
        ("three quarters, halved, a third of it", [(0.75, "share"), (0.5, "share"), (1 / 3, "share")]),
        ("a third data set in three-dimensional space", []),
        ("two orders of magnitude", [(100, "x")]),
        ("a decade and half a dozen", [(10, ""), (6, "")]),
        ("a 6-DOF arm, 38ml", [(6, ""), (38, "")]),
    ],
)
def test_numbers_are_read_with_scale_and_unit(text: str, found: list[tuple[float, str]]) -> None:
    assert [(n.value, n.unit) for n in numbers(text)] == found


@pytest.mark.parametrize(
    ("claim", "evidence", "lacking"),
    [
        ("about 3 times", "2.97x", []),
        ("1000 images", "1,000 images", []),
        ("2 data sets", "two data sets", []),
        ("3 points", "3%", ["3 points"]),
        ("5 million", "5 billion", ["5 million"]),
        ("2.97 times", "3 times", ["2.97 times"]),
        ("81%", "80%", ["81%"]),
        ("three tasks", "two tasks", ["three"]),
        ("after 24 months", "after 2 years", []),
        ("0.11 s", "0.11 ms", ["0.11"]),
        ("110 µs", "0.11 ms", []),
        ("265 bits/s", "265 bits/min", ["265"]),
        ("half of the data", "50% of the data", []),
        ("a fifth of the data", "2x less data", ["a fifth"]),
        ("a thirtieth of the size", "compressed 30 times", []),
        ("40% fewer parameters", "uses 60% of the parameters", []),
        ("40% fewer parameters", "uses 40% of the parameters", ["40%"]),
        ("35% was rejected", "65% was rejected", ["35%"]),
        ("reuses less than 70%", "reuses over 70%", ["70%"]),
        ("right in 98% of cases", "an accuracy of 0.98", []),
        ("4 out of 8 functions", "four of the eight functions", []),
        ("three data sets", "on MNIST, SVHN and CIFAR", []),
        ("two robots", "tested on a small robot", ["two"]),
        ("about 40 subjects", "with 42 subjects", []),
    ],
)
def test_numbers_must_be_in_the_evidence(claim: str, evidence: str, lacking: list[str]) -> None:
    assert unmatched(claim, evidence) == lacking


def test_exchanged_numbers_are_seen() -> None:
    evidence = "BERT obtains 88% and the LSTM obtains 93%."
    assert swapped("BERT reaches 93% while the LSTM reaches 88%.", evidence)
    assert not swapped("The LSTM reaches 93% while BERT reaches 88%.", evidence)
    assert not swapped("Errors fell to 5 for speech and 9 for text.", "Errors fell to 5 and 9 for speech and text, respectively.")


def test_numbers_exchanged_among_others_are_seen() -> None:
    evidence = "The model reaches a box AP of 49.7 box and 43.2 mask points; Mask R-CNN boxes and masks are worse. Sensitivity and specificity differ."
    assert swapped("It reaches 43.2 box and 49.7 mask points.", evidence)
    assert not swapped("It reaches 49.7 box and 43.2 mask points.", evidence)
    assert not swapped("Between 15% and 75% of the energy is saved by Zeus.", "Zeus improves the saved energy by 15% to 75%.")


@pytest.mark.parametrize(
    ("claim", "evidence", "found"),
    [
        ("It came second.", "It won the first place.", ["came second"]),
        ("It ranked third.", "It took the 3rd place.", []),
        ("It infers 2D poses.", "It infers three-dimensional poses.", ["2D"]),
        ("It infers 2D poses.", "It infers poses.", []),
        ("Cost grows cubically.", "Cost grows quadratically.", ["cubically"]),
        ("On ImageNet-21K it wins.", "On ImageNet-1K it wins.", ["ImageNet-21K"]),
        ("GPT-3 and GPT-4 agree.", "GPT-4 agrees with GPT-3.", []),
    ],
)
def test_places_dimensions_and_versions_must_be_those_of_the_evidence(claim: str, evidence: str, found: list[str]) -> None:
    assert mislabelled(claim, evidence) == found


def test_names() -> None:
    assert names("We train BERT and ResNet-50 on ImageNet in Paris.") == ("BERT", "ResNet-50", "ImageNet", "Paris")
    assert unmatched_names("It beats RoBERTa.", "It beats BERT.") == ["RoBERTa"]
    assert unmatched_names("NER improves.", "Named entity recognition improves.") == []
    assert unmatched_names("It runs on CIFAR10.", "It runs on CIFAR-10.") == []
    assert unmatched_names("BAT rose.", "Brown fat rose.", "Brown fat (BAT) is studied.") == []
    assert unmatched_names("A BERT-based tagger.", "A tagger that uses BERT.") == []


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("Pruning increases the error rate.", "Pruning decreases the error rate."),
        ("Noise improves generalization.", "We find that noise hurts generalization."),
        ("Training is faster with it.", "Training is slower with it."),
        ("Labels are not needed for transfer.", "Labels are needed for transfer."),
    ],
)
def test_opposites_are_seen(claim: str, evidence: str) -> None:
    assert any(opposed(claim, evidence))
    assert not any(opposed(evidence, evidence))


def test_comparisons_turned_round_are_seen() -> None:
    evidence = "Our transformer outperforms the recurrent network on translation."
    assert turned("The recurrent network outperforms the transformer on translation.", evidence)
    assert turned("The transformer is outperformed by the recurrent network on translation.", evidence)
    assert not turned("The transformer beats the recurrent network.", evidence)


def test_stronger_words_are_seen() -> None:
    assert wider("It always proves that all networks converge.", "Networks converge in our tests.") == ["always", "proves", "all"]
    assert wider("All networks converge.", "All networks converge.") == []


EVIDENCE = "We show that weight decay of 0.1 speeds up grokking by 40% in two-layer transformers on modular addition."


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        (EVIDENCE, True),
        ("Weight decay of 0.1 makes grokking 40% faster in two-layer transformers.", True),
        ("In transformers with two layers trained on modular addition, weight decay speeds up grokking.", True),
        ("Weight decay of 0.1 speeds up grokking by 60% in two-layer transformers.", False),
        ("Weight decay speeds up grokking in ResNet-50.", False),
        ("Whales sing longer songs in winter than in summer.", False),
        ("Grokking is sped up by weight decay, and the authors sold their company to a bank in Norway last spring.", False),
    ],
)
def test_verdicts(verifier: Verifier, sentence: str, supported: bool) -> None:
    verdict = verifier.verify(sentence, Premise((EVIDENCE,)))
    assert verdict.supported is supported
    assert bool(verdict.why) is not supported
    assert 0 <= verdict.probability <= 1


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_get_a_verdict(claim: str, evidence: str) -> None:
    shared = Verifier(shipped_embedder()) if not _SHARED else _SHARED[0]
    _SHARED[:] = [shared]
    for sentences in ((evidence,), ()):
        verdict = shared.verify(claim, Premise(sentences, evidence))
        assert 0 <= verdict.probability <= 1
        assert verdict.supported or verdict.why


_SHARED: list[Verifier] = []
