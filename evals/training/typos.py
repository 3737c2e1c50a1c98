"""Slips of the keyboard, so that a misspelt question is still understood."""

from __future__ import annotations

from random import Random

_SHORTEST = 5


def misspell(text: str, random: Random) -> str:
    """A text with one or two slips inside longer words: letters swapped, dropped, doubled or replaced."""
    words = text.split()
    long = [place for place, word in enumerate(words) if len(word) >= _SHORTEST and word.isalpha()]
    for place in random.sample(long, min(len(long), random.choice((1, 1, 2)))):
        words[place] = _slip(words[place], random)
    return " ".join(words)


def _slip(word: str, random: Random) -> str:
    at = random.randrange(1, len(word) - 1)
    how = random.random()
    if how < 0.35:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if how < 0.65:
        return word[:at] + word[at + 1 :]
    if how < 0.85:
        return word[:at] + word[at] + word[at:]
    return word[:at] + random.choice("aeiourstnl") + word[at + 1 :]
