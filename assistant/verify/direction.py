"""Does a claim say the opposite of its evidence? Opposed words, negations, and what is compared with what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from store.lexical import word_terms

# Opposed words by what they are about: one side, the other.
_OPPOSED: dict[str, tuple[str, str]] = {
    "amount": (
        "increase increases increased increasing more higher high highest larger large largest greater great greatest raise raises raised rise rises rising rose grow grows grew growing "
        "growth boost boosts boosted boosting enlarge expand expands expanded amplify amplifies amplified exceed exceeds exceeded bigger big biggest long longer up upward above most many "
        "abundant wide wider deep deeper maximise maximize maximizes maximizing heavy heavier gain gains inflate inflates longest",
        "decrease decreases decreased decreasing less lower low lowest smaller small smallest fewer few fewest reduce reduces reduced reducing reduction reductions drop drops dropped dropping shrink shrinks shrank "
        "shrinking cut cuts cutting decline declines declined declining lessen diminish diminishes diminished lowers lowered lowering short shorter down downward below least scarce narrow "
        "narrower shallow shallower minimise minimize minimizes minimizing light lighter tiny minimal compress compresses compact reducing little shortest",
    ),
    "quality": (
        "improve improves improved improving improvement improvements better best outperform outperforms outperformed outperforming superior effective effectively beneficial benefit benefits "
        "help helps helped helpful robust robustness success successful successfully succeed succeeds enhance enhances enhanced enhancing stronger strong strongest good accurate accurately "
        "accuracy surpass surpasses surpassed beat beats win wins excel excels reliable reliably stable stabilize stabilizes well powerful competitive favorable promising useful advantage advantages ease eases strengthen "
        "strengthens state-of-the-art mitigate mitigates alleviate alleviates positive positively correct correctly",
        "worsen worsens worsened worsening worse worst underperform underperforms underperformed inferior ineffective harmful harm harms hurt hurts degrade degrades degraded degrading degradation "
        "deteriorate deteriorates vulnerable vulnerability fail fails failed failing failure failures weaker weak weakest weaken weakens poor poorly inaccurate inaccurately lose loses losing "
        "unreliable unstable destabilize destabilizes fragile brittle impair impairs impaired hamper hampers hinder hinders undermine undermines useless disadvantage "
        "disadvantages exacerbate exacerbates aggravate aggravates negative negatively trail trails lag lags incorrect incorrectly wrong suffer suffers detrimental struggle struggles sensitive",
    ),
    "speed": (
        "faster fast fastest quick quicker quickly rapid rapidly accelerate accelerates accelerated accelerating speed-up speedup speeds hasten hastens sooner early earlier immediately",
        "slower slow slowly slowest slowdown slows slowed decelerate decelerates delay delays delayed late later gradually gradual sluggish",
    ),
    "need": (
        "require requires required requiring need needs needed necessary essential must depend depends dependent mandatory indispensable crucial rely relies reliant critical important matters matter",
        "unnecessary needless dispensable optional redundant independent superfluous unneeded obviate obviates eliminate eliminates irrelevant unimportant negligible",
    ),
    "ability": (
        "able can enable enables enabled allow allows allowed capable permit permits possible feasible facilitate facilitates let lets encourage encourages capability support supports",
        "unable cannot prevent prevents prevented incapable impossible infeasible prohibit prohibits forbid forbids preclude precludes block blocks blocked inability discourage discourages suppress suppresses",
    ),
    "likeness": (
        "similar same equal equivalent identical match matches matched comparable alike agree agrees consistent consistently coincide align aligned share shared shares overlap",
        "different differs differ dissimilar unequal distinct disagree disagrees inconsistent diverge diverges contrast mismatch unlike opposite contradict contradicts contradictory",
    ),
    "presence": ("with include includes including keep keeps kept retain retains preserve preserves add adds added present contain contains maintain maintains remain remains",
                 "without exclude excludes excluding discard discards discarded remove removes removed removing absent absence lack lacks lacking drop drops forget forgets omit omits omitted destroy destroys lose loses free"),
    "ease": ("easy easier easily simple simpler simplest simply simplify simplifies straightforward trivial trivially", "hard harder hardest difficult complex complicated challenging intricate complicate complicates"),
    "cost": ("cheap cheaper inexpensive efficient efficiently economical affordable save saves saving", "expensive costly inefficient inefficiently wasteful prohibitive"),
    "order": ("before initially initial first early beginning start prior preceding emerges emerge appears appear", "after finally final eventually last late end subsequent following disappears disappear vanishes vanish"),
    "certainty": ("known understood clear clearly evident explain explains explained confirm confirms confirmed proven prove proves show shows", "unknown unclear misunderstood doubtful unexplained open refute refutes refuted disprove disproves"),
    "scope": ("local locally specific narrow", "global globally general generally universal broad"),
    "supervision": ("supervised labeled labelled annotated", "unsupervised unlabeled unlabelled unannotated"),
    "making": ("explicit explicitly", "implicit implicitly"),
    "mono": ("monolingual single alone individual separately", "multilingual multiple joint jointly together combined"),
    "input": ("static fixed frozen constant", "dynamic adaptive varying trainable variable"),
    "linearity": ("linear linearly", "nonlinear non-linear nonlinearly"),
}  # fmt: skip
_MEANS: dict[str, set[tuple[str, int]]] = {}
for _about, _pair in _OPPOSED.items():
    for _side, _list in zip((1, -1), _pair, strict=True):
        for _one in _list.split():
            _MEANS.setdefault(_one, set()).add((_about, _side))
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_NOT = re.compile(
    r"^(?:not|no|never|cannot|can't|nor|neither|none|nothing|without|hardly|barely|scarcely|rarely|seldom|little|few|fails?|failed|failing|unable|lacks?|lacking|\w+n['’]t)$",
    re.IGNORECASE,
)
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely|necessarily limited)\b", re.IGNORECASE)
_REACH = 3
_COMPARES = re.compile(
    r"\b(?:(?P<passive>(?:is|are|was|were|be|been) (?:out(?:performed|done)|surpassed|beaten|exceeded) by)|out(?:performs?|performed|performing)|surpass(?:es|ed|ing)?|beats?|exceed(?:s|ed|ing)?|"
    r"(?P<under>underperform(?:s|ed|ing)?|trail(?:s|ed)?|lags? behind|falls? (?:behind|short of)|worse than|(?:smaller|less|lower|fewer|weaker|slower|inferior|shorter)(?: \w+){0,3} than|inferior to)|"
    r"rather than|instead of|than|superior to|over|compared (?:to|with)|as opposed to|not|in favou?r of|replaces?|causes?|caused by|leads? to|results? in|from)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Direction:
    """A word that has an opposite, as a text uses it: ``side`` is 1 or -1, turned round by a negation before it."""

    about: str
    side: int
    word: str
    near: frozenset[str]


@lru_cache(maxsize=4_000)
def directions(text: str) -> tuple[Direction, ...]:
    """The words of a text that have an opposite."""
    words = _words(text)
    negated = _negated(words)
    found = []
    for place, word in enumerate(words):
        for about, side in sorted(_MEANS.get(word.lower(), ())):
            near = frozenset(s for w in words[max(0, place - 4) : place + 5] if w != word for s in word_terms(w))
            found.append(Direction(about, -side if place in negated else side, word, near))
    return tuple(found)


def opposed(claim: str, evidence: str) -> tuple[list[str], list[str]]:
    """Words of a claim that stand against the evidence.

    Args:
        claim: a sentence.
        evidence: what it cites.

    Returns:
        Those whose opposite the evidence uses of the same things, and those of which it uses only the opposite, of whatever.
    """
    held = directions(evidence)
    of_same, anywhere = [], []
    for one in directions(claim):
        same = [len(h.near & one.near) for h in held if h.about == one.about and h.side == one.side]
        other = [len(h.near & one.near) for h in held if h.about == one.about and h.side != one.side]
        if other and max(other) > max(same, default=0):
            of_same.append(one.word)
        elif other and not same:
            anywhere.append(one.word)
    return of_same, anywhere


def unmatched_directions(claim: str, evidence: str) -> list[str]:
    """Words of a claim that have an opposite, on something the evidence gives no direction of."""
    held = {(h.about, h.side) for h in directions(evidence)}
    return [d.word for d in directions(claim) if (d.about, d.side) not in held]


def negations(claim: str, evidence: str) -> tuple[int, int]:
    """Stems negated by one of the two and used plainly by the other.

    Returns:
        (negated in the claim only, negated in the evidence only).
    """
    (said, said_not), (held, held_not) = _polarity(claim), _polarity(evidence)
    return len((said_not & held) - held_not), len((said & held_not) - held - said_not)


def negation_count(text: str) -> int:
    """How many negations a text holds."""
    return sum(_NOT.match(word) is not None for word in _words(text))


def turned(claim: str, evidence: str) -> bool:
    """Whether a claim compares the same things the other way round."""
    for left, right, up in _sides(claim):
        for left2, right2, up2 in _sides(evidence):
            if up != up2:
                left2, right2 = right2, left2
            straight = len(left & left2) + len(right & right2)
            crossed = len(left & right2) + len(right & left2)
            if crossed > straight and left & right2 and right & left2:
                return True
    return False


def _words(text: str) -> list[str]:
    return _WORD.findall(_NOT_ONLY.sub("also", text).replace("can not", "cannot"))


def _negated(words: list[str]) -> set[int]:
    """Places of words that a negation before them turns round."""
    found: set[int] = set()
    for place, word in enumerate(words):
        if _NOT.match(word):
            found |= set(range(place + 1, min(len(words), place + 1 + _REACH)))
    return found


@lru_cache(maxsize=4_000)
def _polarity(text: str) -> tuple[frozenset[str], frozenset[str]]:
    words = _words(text)
    negated = _negated(words)
    plain = frozenset(s for i, w in enumerate(words) if i not in negated for s in word_terms(w))
    turned_round = frozenset(s for i in negated for s in word_terms(words[i]))
    return plain, turned_round


@lru_cache(maxsize=4_000)
def _sides(text: str) -> tuple[tuple[frozenset[str], frozenset[str], bool], ...]:
    """What stands before and after each word of comparison, and whether the first is the one favoured."""
    found = []
    for match in _COMPARES.finditer(text):
        left = re.split(r"[.;:,]\s", text[: match.start()])[-1]
        right = re.split(r"[.;:,]\s", text[match.end() :])[0]
        sides = [frozenset(s for w in _words(part)[-8:] for s in word_terms(w)) for part in (left,)]
        sides.append(frozenset(s for w in _words(right)[:8] for s in word_terms(w)))
        if sides[0] and sides[1]:
            both = sides[0] & sides[1]
            found.append((sides[0] - both, sides[1] - both, not (match["passive"] or match["under"])))
    return tuple(found)
