"""Papers of a topic in groups, and what each group is called."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.topics.keyphrases import Phrase, distinct_phrases, phrases
from store.lexical import terms
from store.types import Entry

Vector = npt.NDArray[np.float32]
Rarity = Callable[[str], float]
FEWEST, MOST = 3, 6
# Groups: about the square root of this many times the number of papers.
_PER = 1.5
# Below this many papers there is nothing to group.
_GROUPED = 5
OTHER = "Other work"
# Share of the first phrase's weight that the second of a name needs.
_SECOND = 0.5
# A single word names a group only from so many titles; more than one tells so much more.
_TITLES = 2
_WORDS = 1.6


@dataclass(frozen=True, slots=True)
class Group:
    """Papers that belong together.

    Args:
        name: phrases that set them apart.
        members: their ids, most central first.
    """

    name: str
    members: tuple[str, ...]


def group(entries: Mapping[str, Entry], vectors: Mapping[str, Vector], rarity: Rarity, topic: str = "") -> list[Group]:
    """Groups of a topic's papers, largest first.

    Ward's clustering (1963) of meaning and words, each with the topic's mean taken away, so that what all papers share does not count.

    Args:
        entries: the papers by id.
        vectors: the unit vector of each.
        rarity: of a stem in the corpus, 0 to 1.
        topic: what they are about; its words name no group.
    """
    ids = sorted(entries)
    if len(ids) < _GROUPED:
        return [Group(_title(topic) or "These papers", tuple(ids))] if ids else []
    parts = _joined(ids, _clustered(ids, entries, vectors, rarity), vectors)
    candidates = phrases(entries.values())
    held = {id: frozenset(terms(f"{entry.title or ''} {entry.abstract}")) for id, entry in entries.items()}
    shared = set(terms(topic))
    used: set[str] = set()
    groups = []
    for members in sorted(parts, key=lambda m: (-len(m), m)):
        ranked = [x for x in _names(candidates, members, held, rarity, shared) if not set(x[1].stems) & used]
        # What one paper alone says names a group only where nothing else does.
        several = [x for x in ranked if sum(set(x[1].stems) <= held[id] for id in members) > 1]
        chosen = distinct_phrases(several, 2, _SECOND) or distinct_phrases(ranked, 1)
        used |= {stem for phrase in chosen for stem in phrase.stems}
        groups.append(Group(_name([p.text for p in chosen]), _central(members, vectors)))
    return [*(g for g in groups if g.name != OTHER), *(g for g in groups if g.name == OTHER)]


def _joined(ids: Sequence[str], labels: npt.NDArray[np.int_], vectors: Mapping[str, Vector]) -> list[list[str]]:
    """The members of each cluster; a paper that is alone in its cluster joins the nearest of the others."""
    found: dict[int, list[str]] = {}
    for id, label in zip(ids, labels, strict=True):
        found.setdefault(int(label), []).append(id)
    parts = [members for members in found.values() if len(members) > 1] or [list(ids)]
    middles = np.array([np.mean([vectors[id] for id in members], axis=0) for members in parts])
    for id in sorted(members[0] for members in found.values() if len(members) == 1 and len(found) > 1):
        if not any(id in members for members in parts):
            parts[int(np.argmax(middles @ vectors[id]))].append(id)
    return parts


def _names(
    candidates: Sequence[Phrase], members: Sequence[str], held: Mapping[str, frozenset[str]], rarity: Rarity, shared: Collection[str]
) -> list[tuple[float, Phrase]]:
    """Phrases that may name a group, best first: from a title of it or two abstracts, and such that their words stand in more of its papers than of the others.

    Args:
        candidates: phrases of all papers.
        members: the group.
        held: the stems of every paper.
        rarity: of a stem in the corpus, 0 to 1.
        shared: the topic's stems: a phrase needs another.
    """
    inside = set(members)
    outside = [id for id in held if id not in inside]
    found = []
    for phrase in candidates:
        stems = set(phrase.stems)
        titles = len(phrase.titled & inside)
        together = titles if len(phrase.stems) == 1 else max(titles, len(phrase.papers & inside) - 1)
        if stems <= set(shared) or together < (_TITLES if len(phrase.stems) == 1 else 1):
            continue
        count = sum(stems <= held[id] for id in inside)
        others = sum(stems <= held[id] for id in outside) / max(1, len(outside))
        rare = sum(map(rarity, phrase.stems)) / len(phrase.stems)
        weight = (
            (count / len(inside) - others)
            * rare
            * (_WORDS if len(phrase.stems) > 1 else 1.0)
            * math.log2(1 + count)
            * (1 + titles / len(inside))
        )
        if weight > 0:
            found.append((weight, phrase))
    return sorted(found, key=lambda x: (-x[0], x[1].text))


def _clustered(ids: Sequence[str], entries: Mapping[str, Entry], vectors: Mapping[str, Vector], rarity: Rarity) -> npt.NDArray[np.int_]:
    from scipy.cluster.hierarchy import fcluster, linkage

    meaning = _centred(np.array([vectors[id] for id in ids], dtype=np.float64))
    words = _centred(term_matrix([entries[id] for id in ids], rarity))
    wanted = max(FEWEST, min(MOST, round(math.sqrt(_PER * len(ids)))))
    labels: npt.NDArray[np.int_] = fcluster(linkage(np.hstack([meaning, words]), "ward"), wanted, criterion="maxclust")
    return labels


def term_matrix(entries: Sequence[Entry], rarity: Rarity) -> npt.NDArray[np.float64]:
    """Unit rows of term weights, ``[papers, terms]``; terms of one paper only are left out."""
    counts = [Counter(terms(f"{entry.title or ''} {entry.abstract}")) for entry in entries]
    seen = Counter(term for count in counts for term in count)
    place = {term: n for n, term in enumerate(sorted(term for term, number in seen.items() if number > 1))}
    rare = {term: rarity(term) for term in place}
    matrix = np.zeros((len(entries), max(1, len(place))))
    for row, count in zip(matrix, counts, strict=True):
        for term, number in count.items():
            if term in place:
                row[place[term]] = (1 + math.log(number)) * rare[term]
    return _unit(matrix)


def _centred(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return _unit(rows - rows.mean(axis=0))


def _unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    whole: npt.NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return whole


def _central(members: Sequence[str], vectors: Mapping[str, Vector]) -> tuple[str, ...]:
    middle = np.mean([vectors[id] for id in members], axis=0)
    return tuple(sorted(members, key=lambda id: (-float(vectors[id] @ middle), id)))


def _name(found: Sequence[str]) -> str:
    return _title(" and ".join(found)) or OTHER


def _title(text: str) -> str:
    return text[:1].upper() + text[1:]
