"""The lexical index: BM25 over titles and abstracts. The only module that imports tantivy."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from sys import intern
from typing import Any

from store.errors import IndexDamagedError, StoreError

# Part of the index folder's name: an index made by another analysis is not read. The terms in the ledger's chunks must then be made anew too, by a step in schema.py.
ANALYSIS = 2
_ANALYZER = "stemmed"
_HEAP = 50_000_000
_JOINT = re.compile(r"[-‐‑–/]")
_MARKS = ".,;:()[]\"'"
_COMPOUND = re.compile(r"\w+(?:[-‐‑–/]\w+)+")
_ID, _TEXT = "id", "text"
_FEW = 1000
ALL = 10_000_000
# Each begins with a literal, which is found fast; what must stand before it is looked at then.
_ISE = re.compile(r"is(?<=\w{5})(?<!wis)(e[ds]?|ers?|ing|ations?|able)\b", re.IGNORECASE)
_LYSE = re.compile(r"lys(e[ds]|ers?|ing)\b", re.IGNORECASE)
_OUR = re.compile(r"(behavi|col|fav|flav|harb|hon|hum|lab|neighb|rum|tum|vap|vig)our", re.IGNORECASE)
_RE = re.compile(r"\b(cent|fib|met|lit)re(s|d)?\b", re.IGNORECASE)
_OUR_PARTS = ("viour", "lour", "vour", "bour", "nour", "mour", "pour", "gour")
_RE_PARTS = ("tre", "bre")


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for part in (Filter.remove_long(60), Filter.ascii_fold(), Filter.lowercase(), Filter.stopword("english"), Filter.stemmer("english")):
        builder = builder.filter(part)
    return builder.build()


def american(text: str) -> str:
    """A text in American spelling, as far as endings tell: ``quantised`` is also found as ``quantized``.

    Some words come out misspelt (``exercize``); that is harmless, since texts and questions go through it alike.
    """
    text = _LYSE.sub(r"lyz\1", _ISE.sub(r"iz\1", text))
    if "our" in text and any(part in text for part in _OUR_PARTS):
        text = _OUR.sub(r"\1or", text)
    if "re" in text and any(part in text for part in _RE_PARTS):
        text = _RE.sub(r"\1er\2", text)
    return text


def compounds(text: str) -> str:
    """Words joined by hyphens or slashes, written as one: ``over-squashing`` is also found as ``oversquashing``."""
    return " ".join(re.sub(r"\W", "", word) for part in text.split() if _JOINT.search(part) for word in _COMPOUND.findall(part))


def terms(text: str) -> list[str]:
    """Stemmed terms of a text, without stop words, in order; words with hyphens also as one term, at the end."""
    words, joined = split_terms(text)
    return words + joined


def split_terms(text: str) -> tuple[list[str], list[str]]:
    """The two parts of :func:`terms`: words, and words with hyphens as one."""
    words: list[str] = []
    joined: list[str] = []
    # No rule looks across white space, so each word is looked at once and remembered.
    for word in text.split():
        single, compound = _analysed(word.strip(_MARKS))
        words += single
        joined += compound
    return words, joined


@lru_cache(maxsize=100_000)
def _analysed(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    word = american(word)
    analyze = _analyzer().analyze
    return tuple(map(intern, analyze(word))), tuple(map(intern, analyze(compounds(word)))) if _JOINT.search(word) else ()


def word_terms(word: str) -> tuple[str, ...]:
    """Terms of one word; empty for a stop word."""
    return _analysed(word)[0]


def _schema() -> Any:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_text_field(_ID, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(_TEXT, stored=False, tokenizer_name=_ANALYZER, index_option="position")
    return builder.build()


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75) over entries, one document each.

    Args:
        path: folder of the index; made where it is missing.

    Raises:
        StoreError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        from tantivy import Index

        self._schema = _schema()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._index = Index(self._schema, path=str(path), reuse=True)
            self._index.register_tokenizer(_ANALYZER, _analyzer())
            self.refresh()
        except BaseException as error:
            raise _fault(error) from error

    def refresh(self) -> None:
        """See what other processes have committed."""
        self._index.reload()
        self._searcher = self._index.searcher()

    def count(self) -> int:
        """Number of entries held."""
        return int(self._searcher.num_docs)

    def write(self, entries: Iterable[tuple[str, str | None, str]], removed: Iterable[str] = ()) -> None:
        """Add or replace entries and take others out, in one commit.

        Args:
            entries: (id, title, abstract).
            removed: ids to take out.
        """
        from tantivy import Document

        try:
            writer = self._index.writer(_HEAP, 1)
            for id in removed:
                writer.delete_documents(_ID, id)
            for id, title, abstract in entries:
                text = american(f"{title}\n{abstract}" if title else abstract)
                writer.delete_documents(_ID, id)
                writer.add_document(Document(**{_ID: [id], _TEXT: [f"{text}\n{compounds(text)}"]}))
            writer.commit()
            writer.wait_merging_threads()
            self.refresh()
        except BaseException as error:
            raise _fault(error) from error

    def query(self, weights: dict[str, float], count: int, among: Container[str] | None = None, depth: int = 0) -> list[tuple[str, float]]:
        """Entries by BM25.

        Args:
            weights: terms (as :func:`terms` gives them) and how much each counts.
            count: how many entries.
            among: only these, looked for among the best.
            depth: how many of the best, where only some are looked for.

        Returns:
            (entry id, score), best first; entries that hold none of the terms are not among them.
        """
        found = self._found(self._any_of(weights), max(count, depth))
        return list(islice(found if among is None else (one for one in found if one[0] in among), count))

    def score(self, weights: dict[str, float], ids: Sequence[str], count: int | None = None) -> dict[str, float]:
        """BM25 scores of given entries, or of the best of them; those that hold none of the terms are left out."""
        from tantivy import Occur, Query

        if not ids or not weights:
            return {}
        # Few are found faster one by one than by a set, whose automaton runs through all ids.
        if len(ids) <= _FEW:
            these = Query.boolean_query([(Occur.Should, Query.term_query(self._schema, _ID, id)) for id in ids])
        else:
            these = Query.term_set_query(self._schema, _ID, list(ids))
        query = Query.boolean_query([(Occur.Must, self._any_of(weights)), (Occur.Must, Query.const_score_query(these, 0.0))])
        return dict(self._found(query, count or len(ids)))

    def frequency(self, term: str) -> int:
        """Number of entries that hold a term."""
        return int(self._searcher.doc_freq(_TEXT, term))

    def near_ids(self, term: str, distance: int, count: int) -> list[str]:
        """Ids of entries that hold a term at most so many edits away from one, those with fewer edits first.

        Args:
            term: as analysed.
            distance: 1 or 2; letters that changed places are one edit.
            count: entries for each distance, at most.
        """
        from tantivy import Query

        queries = [
            Query.fuzzy_term_query(self._schema, _TEXT, term, distance=n, transposition_cost_one=True) for n in range(1, distance + 1)
        ]
        return list(dict.fromkeys(id for query in queries for id, _ in self._found(query, count)))

    def ids(self) -> list[str]:
        """Ids of all entries held, with repeats where an entry is held twice."""
        from tantivy import Query

        return [id for id, _ in self._found(Query.all_query(), max(1, min(ALL, self.count())))]

    def probe(self, texts: Sequence[tuple[str, str]]) -> list[str]:
        """Query with words of entries and list those that are not found by their own.

        Args:
            texts: (entry id, its title and abstract).
        """
        faults = []
        for id, text in texts:
            weights = dict.fromkeys(terms(text)[:8], 1.0)
            try:
                if weights and id not in self.score(weights, [id]):
                    faults.append(f"{id}: a query with its own words does not find it")
            except StoreError as error:
                return [f"a query fails: {error.message}"]
        return faults

    def _any_of(self, weights: dict[str, float]) -> Any:
        from tantivy import Occur, Query

        return Query.boolean_query(
            [(Occur.Should, Query.boost_query(Query.term_query(self._schema, _TEXT, term), weight)) for term, weight in weights.items()]
        )

    def _found(self, query: Any, count: int) -> Iterator[tuple[str, float]]:
        searcher = self._searcher
        try:
            for score, at in searcher.search(query, count, count=False).hits:
                yield searcher.doc(at)[_ID][0], float(score)
        except BaseException as error:
            raise _fault(error) from error


def _fault(error: BaseException) -> StoreError:
    """What went wrong, as a person should hear it."""
    # A damaged index may make tantivy panic, which is no Exception.
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        raise error
    text = " ".join(str(error).split())[:300]
    if any(words in text.lower() for words in ("no space", "storagefull", "read-only", "readonly", "permission denied", "file too large")):
        return StoreError(
            f"The lexical index cannot be written ({text}).", "Free some space or mend the disk, then run the same again; nothing is lost."
        )
    return IndexDamagedError(f"The lexical index cannot be used ({text}).", "Rebuild it from the ledger: assistant doctor --repair")
