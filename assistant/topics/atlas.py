"""The corpus as a map: its themes with their sizes, what sets each apart, the papers that stand for it, and what lies outside of all.

Spherical k-means on embeddings with the corpus's mean taken away. What was found is kept beside the store, so that themes stay what they are while the corpus grows a little: new papers join the nearest theme, and a new map is drawn only
when the corpus has changed by a fifth, or on demand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.topics.keyphrases import Phrase, distinct_phrases, phrases, telling
from assistant.topics.members import rarity_of
from assistant.topics.themes import OTHER
from assistant.types import Near
from store.errors import NotFoundError, StoreError
from store.store import Store
from store.types import Entry, Filtered

Matrix = npt.NDArray[np.float32]
Progress = Callable[[str, int, int], None]
KEPT = "topics.json"
FORMAT = 1
FEWEST, MOST = 3, 40
# About so many themes as the square root of the entries over this.
_PER = 4
# Up to this many entries every theme is set apart from all others; beyond, words that are rare in the corpus do it, over so many of its central papers.
_SMALL = 2000
_CENTRAL = 150
_PHRASES = 6
_PAPERS = 5
_OUTLIERS = 10
# How much a corpus may change before its themes are found anew.
_CHANGE = 0.2
# Papers that a picture shows.
DRAWN = 3000
_KNOWN = 0.7
_BATCH = 4096
_FLAT = 50


@dataclass(frozen=True, slots=True)
class AtlasTheme:
    """A theme of the corpus; ``n`` counts from 1, largest first, ``papers`` stand for it, the most central first."""

    n: int
    name: str
    phrases: tuple[str, ...]
    size: int
    papers: tuple[Near, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a paper stands in the picture, 0 to 1 each way."""

    id: str
    title: str | None
    theme: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Atlas:
    """The map; ``within`` names the theme it is a part of, ``places`` is empty unless a picture was asked for."""

    themes: tuple[AtlasTheme, ...]
    outliers: tuple[Near, ...]
    entries: int
    store: str
    within: str | None
    places: tuple[Place, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"schema": 1, **asdict(self)}


@dataclass(frozen=True)
class _Themes:
    """Themes as found: their middles ``[themes, d]``, the mean that was taken away, and of how many entries."""

    centroids: Matrix
    mean: Matrix
    names: list[str]
    phrases: list[list[str]]
    count: int


def atlas(
    store: Store,
    name: str,
    *,
    within: Filtered | None = None,
    theme: int | None = None,
    picture: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Atlas:
    """The map of a corpus, or of a theme of it.

    Args:
        store: the corpus.
        name: of the store.
        within: only these entries; such a map is not kept.
        theme: drill down into the theme of this number.
        picture: find places for a picture.
        fresh: find the themes anew, whatever was kept.
        progress: told of the work.

    Raises:
        NotFoundError: no theme of that number.
        StoreError: no entry has a vector.
    """
    began = time.perf_counter()
    ids, vectors = _vectors(store, within, progress)
    if not ids:
        raise StoreError("No entry to draw a map of.", "Loosen the filter, or finish with: assistant ingest FILE")
    keep = within is None
    kept = None if fresh or not keep else _read(store, vectors.shape[1], len(ids))
    found, labels = _themed(store, ids, vectors, kept, progress)
    inside = None
    if theme is not None:
        if not 1 <= theme <= len(found.names):
            raise NotFoundError(f"There is no theme {theme}.", f"There are 1 to {len(found.names)}: assistant topics")
        inside = found.names[theme - 1]
        chosen = np.flatnonzero(labels == theme - 1)
        if keep and kept is None:
            _write(store, found, {})
        ids, vectors, keep = [ids[n] for n in chosen], vectors[chosen], False
        found, labels = _themed(store, ids, vectors, None, progress)
    near = _cosines(vectors, found, labels)
    places = _placed(store, ids, vectors, labels, keep, fresh, progress) if picture else {}
    if keep and (kept is None or picture):
        _write(store, found, places)
    shown = _described(store, ids, labels, near, found)
    order = np.argsort(near, kind="stable")[: min(_OUTLIERS, len(ids) // 10)]
    outliers = _nears(store, [ids[n] for n in order])
    return Atlas(shown, outliers, len(ids), name, inside, _drawn(store, ids, labels, places), time.perf_counter() - began)


def nearest_themes(store: Store, vector: Matrix, count: int = 3) -> list[str]:
    """Names of the corpus's themes nearest to a text.

    Args:
        store: the corpus; its map is drawn if none was kept and it is small, else nothing is named.
        vector: the text's unit vector.
        count: how many.
    """
    kept = _read(store, len(vector), store.ledger.counts()["entries"])
    if kept is None:
        if store.ledger.counts()["entries"] > _SMALL:
            return []
        atlas(store, "")
        kept = _read(store, len(vector), store.ledger.counts()["entries"])
    if kept is None:
        return []
    order = np.argsort(-(kept.centroids @ _unit((vector - kept.mean)[None])[0]), kind="stable")[:count]
    return [kept.names[n] for n in order]


def _vectors(store: Store, within: Filtered | None, progress: Progress | None) -> tuple[list[str], Matrix]:
    total = store.ledger.counts()["entries"]
    ids: list[str] = []
    rows: list[Matrix] = []
    block: list[Matrix] = []
    for id, vector in store.ledger.entry_vectors():
        if within is not None and id not in within.ids:
            continue
        ids.append(id)
        block.append(vector)
        if len(block) == _BATCH:
            rows.append(np.stack(block))
            block = []
            if progress is not None:
                progress("reading", len(ids), max(total, len(ids)))
    if block:
        rows.append(np.stack(block))
    if progress is not None and ids:
        progress("reading", len(ids), len(ids))
    return ids, np.concatenate(rows) if rows else np.zeros((0, 1), dtype=np.float32)


def _themed(
    store: Store, ids: Sequence[str], vectors: Matrix, kept: _Themes | None, progress: Progress | None
) -> tuple[_Themes, npt.NDArray[np.int_]]:
    """Themes, those kept where there are any, and the theme of each entry."""
    if kept is not None:
        return kept, _assigned(vectors, kept.mean, kept.centroids)
    mean = vectors.mean(axis=0)
    wanted = max(1, min(MOST, max(FEWEST, round(math.sqrt(len(ids) / _PER))), len(ids) // 2))
    centroids = _clustered(_unit(vectors - mean), wanted)
    labels = _assigned(vectors, mean, centroids)
    sizes = np.bincount(labels, minlength=len(centroids))
    order = [n for n in np.argsort(-sizes, kind="stable") if sizes[n]]
    centroids = centroids[order]
    labels = _assigned(vectors, mean, centroids)
    found = _Themes(centroids, mean, [], [], len(ids))
    near = _cosines(vectors, found, labels)
    _name(store, ids, labels, near, found, progress)
    return found, labels


def _clustered(rows: Matrix, wanted: int) -> Matrix:
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if wanted < 2:
        return _unit(rows.mean(axis=0, keepdims=True))
    if len(rows) <= 20_000:
        model = KMeans(wanted, n_init=4, random_state=0).fit(rows)
    else:
        model = MiniBatchKMeans(wanted, n_init=4, batch_size=_BATCH, random_state=0).fit(rows)
    return _unit(np.asarray(model.cluster_centers_, dtype=np.float32))


def _assigned(vectors: Matrix, mean: Matrix, centroids: Matrix) -> npt.NDArray[np.int_]:
    parts = [(_unit(vectors[at : at + _BATCH] - mean) @ centroids.T).argmax(axis=1) for at in range(0, len(vectors), _BATCH)]
    return np.concatenate(parts)


def _cosines(vectors: Matrix, found: _Themes, labels: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """Of each entry with the middle of its theme."""
    parts = []
    for at in range(0, len(vectors), _BATCH):
        rows = _unit(vectors[at : at + _BATCH] - found.mean)
        parts.append((rows * found.centroids[labels[at : at + _BATCH]]).sum(axis=1))
    return np.concatenate(parts).astype(np.float64)


def _name(
    store: Store, ids: Sequence[str], labels: npt.NDArray[np.int_], near: npt.NDArray[np.float64], found: _Themes, progress: Progress | None
) -> None:
    """Find the phrases of each theme; those of a larger theme are not used again."""
    rarity = rarity_of(store.lexical.count(), store.lexical.frequency)
    small = len(ids) <= _SMALL
    whole: list[Phrase] = phrases(store.ledger.entries(list(ids)).values()) if small else []
    used: set[tuple[str, ...]] = set()
    for n in range(len(found.centroids)):
        members = np.flatnonzero(labels == n)
        central = members[np.argsort(-near[members], kind="stable")]
        group = [ids[m] for m in (central if small else central[:_CENTRAL])]
        candidates = whole if small else phrases(store.ledger.entries(group).values())
        ranked = [x for x in telling(candidates, group, ids if small else (), rarity) if x[1].stems not in used]
        best = distinct_phrases(ranked, _PHRASES)
        used |= {phrase.stems for phrase in best[:2]}
        name = " and ".join(phrase.text for phrase in best[:2]) or OTHER
        found.names.append(name[:1].upper() + name[1:])
        found.phrases.append([phrase.text for phrase in best])
        if progress is not None:
            progress("naming", n + 1, len(found.centroids))


def _described(
    store: Store, ids: Sequence[str], labels: npt.NDArray[np.int_], near: npt.NDArray[np.float64], found: _Themes
) -> tuple[AtlasTheme, ...]:
    themes = []
    for n, name in enumerate(found.names):
        members = np.flatnonzero(labels == n)
        best = members[np.argsort(-near[members], kind="stable")][:_PAPERS]
        papers = _nears(store, [ids[m] for m in best])
        themes.append(AtlasTheme(n + 1, name, tuple(found.phrases[n]), len(members), papers))
    return tuple(themes)


def _nears(store: Store, ids: Sequence[str]) -> tuple[Near, ...]:
    entries: Mapping[str, Entry] = store.ledger.entries(list(ids))
    return tuple(Near(id, entries[id].title, entries[id].provenance) for id in ids if id in entries)


def _placed(
    store: Store, ids: Sequence[str], vectors: Matrix, labels: npt.NDArray[np.int_], keep: bool, fresh: bool, progress: Progress | None
) -> dict[str, tuple[float, float]]:
    """Places of the papers that are drawn: as kept, new ones beside the papers they are nearest to; all anew where few are known."""
    # A share of every theme, chosen by hash: the same papers are drawn when others come.
    ranked = sorted(range(len(ids)), key=lambda n: hashlib.sha256(ids[n].encode()).digest())[:DRAWN]
    drawn = sorted(ranked, key=lambda n: ids[n])
    known = _places(store) if keep and not fresh else {}
    old = [n for n in drawn if ids[n] in known]
    rows = _unit(vectors[drawn] - vectors.mean(axis=0))
    if drawn and len(old) >= _KNOWN * len(drawn):
        there = dict(zip(drawn, rows, strict=True))
        of_old = np.stack([there[n] for n in old])
        spots = np.array([known[ids[n]] for n in old])
        places = {ids[n]: known[ids[n]] for n in old}
        for n in set(drawn) - set(old):
            nearest = np.argsort(-(of_old @ there[n]), kind="stable")[:3]
            x, y = spots[nearest].mean(axis=0)
            places[ids[n]] = (float(x), float(y))
        return places
    if progress is not None:
        progress("drawing", 0, 1)
    flat = _laid_out(rows)
    if progress is not None:
        progress("drawing", 1, 1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    spots = (flat - low) / np.maximum(high - low, 1e-9)
    return {ids[n]: (round(float(x), 4), round(float(y), 4)) for n, (x, y) in zip(drawn, spots, strict=True)}


def _laid_out(rows: Matrix) -> npt.NDArray[np.float64]:
    """Two dimensions in which neighbours stay neighbours: t-SNE (van der Maaten and Hinton 2008) from the first principal components."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(rows) < 8:
        return np.array([[n, n % 2] for n in range(len(rows))], dtype=np.float64)
    flat = PCA(min(_FLAT, *rows.shape), random_state=0).fit_transform(rows)
    model = TSNE(2, init="pca", perplexity=min(30.0, (len(rows) - 1) / 3), random_state=0)
    return np.asarray(model.fit_transform(flat), dtype=np.float64)


def _drawn(store: Store, ids: Sequence[str], labels: npt.NDArray[np.int_], places: Mapping[str, tuple[float, float]]) -> tuple[Place, ...]:
    if not places:
        return ()
    entries = store.ledger.entries(list(places))
    themes = dict(zip(ids, labels, strict=True))
    return tuple(
        Place(id, entries[id].title, int(themes[id]) + 1, x, y) for id, (x, y) in sorted(places.items()) if id in themes and id in entries
    )


def _path(store: Store) -> Path:
    return store.path / KEPT


def _load(store: Store) -> dict[str, Any] | None:
    try:
        data = json.loads(_path(store).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(data, dict) and data.get("format") == FORMAT and data.get("embedder") == store.ledger.meta("embedder")
    return data if whole else None


def _read(store: Store, dimensions: int, count: int) -> _Themes | None:
    """The themes that were kept, unless they are of another embedder or of a corpus that has changed much since."""
    data = _load(store)
    if data is None or abs(count - data["count"]) > _CHANGE * data["count"]:
        return None
    try:
        rows = np.frombuffer(base64.b64decode(data["vectors"]), dtype="<f4").reshape(-1, dimensions)
    except ValueError:
        return None
    return _Themes(rows[1:], rows[0], data["names"], data["phrases"], data["count"])


def _places(store: Store) -> dict[str, tuple[float, float]]:
    data = _load(store) or {}
    return {id: (float(x), float(y)) for id, (x, y) in data.get("places", {}).items()}


def _write(store: Store, found: _Themes, places: Mapping[str, tuple[float, float]]) -> None:
    """Keep the map; where the folder cannot be written, it is drawn again the next time."""
    rows = np.concatenate([found.mean[None], found.centroids]).astype("<f4")
    data = {
        "format": FORMAT,
        "embedder": store.ledger.meta("embedder"),
        "count": found.count,
        "vectors": base64.b64encode(rows.tobytes()).decode(),
        "names": found.names,
        "phrases": found.phrases,
        "places": places or _places(store),
    }
    part = _path(store).with_suffix(".part")
    try:
        part.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        part.replace(_path(store))
    except OSError:
        return


def _unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
