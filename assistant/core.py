"""The one facade every face uses."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from assistant.answering.checked import Checked
from assistant.answering.model import Prompt, Written, make_prompt, merged, write
from assistant.answering.pipeline import Pipeline
from assistant.answering.second import second_opinion
from assistant.llm import LanguageModel, ModelError, make_model
from assistant.query.rewriting import Standalone, Turn, rewrite_standalone
from assistant.ranking.reader import Reader
from assistant.rewrite import make_request, rewritten
from assistant.settings import Settings
from assistant.templates import load_template
from assistant.topics.atlas import Atlas, atlas, nearest_themes
from assistant.topics.compose import Composed, Length, compose
from assistant.topics.related import Related, related
from assistant.topics.summarize import Gathered, about, assembled, focused, gathered, quoted
from assistant.topics.written import Progress, prompts, written
from assistant.types import Answer, Evidence, Summary
from assistant.verify import Verifier
from store.embed import OnnxEmbedder, shipped_embedder
from store.errors import StoreError, UserError
from store.lexical import terms, word_terms
from store.settings import StoreSettings
from store.store import Store
from store.types import Entry, Filtered, Filters

SAMPLE_NOTE = "Sample corpus: digests written for this program, not the papers' abstracts."
# How the notes begin that tell of a model's failure.
FAULTS = ("The model was not used", "The model broke off")
_LEAST_TIME = 0.01
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A search result: the entry, its rank score, the sentence that fits best and the question's words it holds."""

    entry: Entry
    score: float
    sentence: str
    dense: float
    lexical: float
    matched: tuple[str, ...]


def _alone(method: Callable[Concatenate[Assistant, P], R]) -> Callable[Concatenate[Assistant, P], R]:
    """Let one thread at a time into a method of an assistant."""

    @functools.wraps(method)
    def held(self: Assistant, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._reading:
            return method(self, *args, **kwargs)

    return held


class Assistant:
    """Questions over one store.

    Args:
        path: the store's folder.
        settings: how it embeds and where its vectors live.
        name: what answers call the store; ``sample`` for the bundled one.
        model: who writes; by default the one the options name, which is none.
        options: settings of models and prompts.
        notify: told what a person who waits should know, a sentence each.

    Raises:
        StoreError: there is no store, or it is empty.
        ModelError: the model that the options name cannot be had.
    """

    def __init__(
        self,
        path: Path,
        settings: StoreSettings | None = None,
        *,
        name: str | None = None,
        model: LanguageModel | None = None,
        options: Settings | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        # Threads read the store one at a time; models write side by side.
        self._reading = threading.RLock()
        self.store = Store(path, settings, notify=notify)
        self.name = name or str(path)
        self.options = options or Settings()
        self.model = model if model is not None else make_model(self.options)
        self._second = second_opinion(self.options) if self.model else None
        if not self.store.ledger.counts()["entries"]:
            raise StoreError(f"{path}: the store is empty.", f"Fill it: assistant ingest FILE --store {path}")

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    @_alone
    def search(self, query: str, count: int = 10, filters: Filters | None = None) -> list[SearchHit]:
        """Entries that fit a query, best first.

        Raises:
            QuestionError: the query cannot be searched for.
        """
        question, found = self.pipeline.search(query, self._within(filters))
        hits = []
        for one in found[:count]:
            matches = set(terms(f"{one.entry.title or ''} {one.entry.abstract}"))
            matched = tuple(dict.fromkeys(w for w in question.text.split() if set(word_terms(w)) & matches))
            best = one.sentences[0].quote if one.sentences else one.entry.abstract
            hits.append(SearchHit(one.entry, one.rank_score, best, one.candidate.dense, one.candidate.lexical, matched))
        return hits

    def ask(self, text: str, filters: Filters | None = None, turns: Sequence[Turn] = ()) -> Answer:
        """Answer a question from the store; where a model is configured it writes, and every sentence of it is checked.

        Args:
            text: the question; in quotation marks it is taken word by word: nothing is corrected, and nothing in it is a condition.
            filters: only entries that pass.
            turns: what was asked before, for a follow-up.

        Raises:
            QuestionError: it cannot be asked.
        """
        return [answer for answer in self.stream(text, filters, turns) if isinstance(answer, Answer)][-1]

    def summarize(
        self,
        topic: str,
        filters: Filters | None = None,
        *,
        length: Length = "medium",
        focus: str | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Sum up what the store's papers say on a topic, in themes, each sentence cited; where a model is configured it writes, theme by theme.

        Args:
            topic: what about, in a few words.
            filters: only entries that pass.
            length: how much to quote.
            focus: what matters most to the reader, if anything: sentences on it are preferred.
            progress: told of each part a model writes.

        Raises:
            QuestionError: the topic or the focus cannot be searched for.
        """
        began = time.perf_counter()
        within = self._within(filters)
        found, composed = self._composed(topic, within, length, focus)
        plain = assembled(found, quoted(composed, found), topic, length, focus, within, self.name, began)
        if found.reason == "no-topic" and found.considered:
            with self._reading:
                near = nearest_themes(self.store, self.store.embedder.embed_query(found.question.topic))
            return replace(plain, notes=(f"The themes nearest to it: {'; '.join(near)}.",)) if near else plain
        model = self.model
        if model is None or not found.members:
            return plain
        try:
            sent = prompts(found, composed, plain.topic, self.options, self.options.prompts, model.window)
        except UserError as error:
            return replace(plain, notes=(f"{FAULTS[0]}: {error}",))
        cost = sum(prompt.cost for prompt in sent)
        if self.options.max_cost is not None and cost > self.options.max_cost:
            return replace(plain, notes=(f"{FAULTS[0]}: it may cost ${cost:.4f}, more than max_cost ${self.options.max_cost:.4f}.",))
        second = self._second
        parts, report = written(
            model, sent, found, composed, self.options, self._verifier, lambda: second(self.options) if second else None, progress
        )
        whole = assembled(found, parts, topic, length, focus, within, self.name, began)
        template = sent[-1].template
        return replace(
            whole,
            model=model.name,
            prompt=f"{template.name} {template.version}",
            usage=report.written.usage,
            removed=tuple(report.written.removed),
            unknown=tuple(dict.fromkeys(report.written.unknown)),
            notes=tuple(report.notes),
        )

    def preview_summary(
        self, topic: str, filters: Filters | None = None, *, length: Length = "medium", focus: str | None = None
    ) -> list[Prompt]:
        """What a model would be sent for a summary, call by call; nothing is sent. The arguments are those of :meth:`summarize`.

        Raises:
            QuestionError: the topic or the focus cannot be searched for.
            SettingsError: the window has no room for sources.
        """
        found, composed = self._composed(topic, self._within(filters), length, focus)
        window = self.model.window if self.model else self.options.llm_window
        return prompts(found, composed, " ".join(topic.split()), self.options, self.options.prompts, window) if found.members else []

    @_alone
    def _composed(self, topic: str, within: Filtered | None, length: Length, focus: str | None) -> tuple[Gathered, Composed]:
        found = gathered(self.store, self.reader, about(topic), within)
        if focus and found.members:
            found = focused(self.store, self.reader, found, focus)
        return found, compose(found.members, found.groups, length)

    async def asummarize(
        self, topic: str, filters: Filters | None = None, *, length: Length = "medium", focus: str | None = None
    ) -> Summary:
        """:meth:`summarize` in a thread, for asynchronous programs.

        Raises:
            QuestionError: the topic or the focus cannot be searched for.
        """
        return await asyncio.to_thread(self.summarize, topic, filters, length=length, focus=focus)

    @_alone
    def topics(
        self,
        filters: Filters | None = None,
        *,
        theme: int | None = None,
        picture: bool = False,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> Atlas:
        """The corpus as a map of themes.

        Args:
            filters: only entries that pass.
            theme: drill down into the theme of this number.
            picture: find places for a picture as well.
            fresh: find the themes anew rather than keep those found before.
            progress: told of the work.

        Raises:
            NotFoundError: no theme of that number.
        """
        return atlas(self.store, self.name, within=self._within(filters), theme=theme, picture=picture, fresh=fresh, progress=progress)

    @_alone
    def entry(self, name: str) -> Entry:
        """An entry by id, alias, ``file#number`` or whole title.

        Raises:
            NotFoundError: no such entry.
        """
        return self.store.resolve(name)

    @_alone
    def entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by their ids; those that are not there are left out."""
        return self.store.ledger.entries(list(ids))

    @_alone
    def related(self, name: str, count: int = 10, filters: Filters | None = None) -> Related:
        """The entries nearest to one, what they share with it and what sets them apart.

        Args:
            name: id, alias, ``file#number`` or whole title of the entry.
            count: how many.
            filters: only entries that pass.

        Raises:
            NotFoundError: no such entry.
        """
        return related(self.store, self.store.resolve(name), count, self.name, self._within(filters))

    async def aask(self, text: str, filters: Filters | None = None, turns: Sequence[Turn] = ()) -> Answer:
        """:meth:`ask` in a thread, for asynchronous programs.

        Raises:
            QuestionError: it cannot be asked.
        """
        return await asyncio.to_thread(self.ask, text, filters, turns)

    def plain(self, text: str, filters: Filters | None = None, turns: Sequence[Turn] = ()) -> Answer:
        """The answer without a model; the arguments are those of :meth:`ask`.

        Raises:
            QuestionError: it cannot be asked.
        """
        return self._answered(text, rewrite_standalone(text, turns), filters, for_model=False)[0]

    @_alone
    def _answered(self, text: str, asked: Standalone, filters: Filters | None, *, for_model: bool = True) -> tuple[Answer, list[Evidence]]:
        typed = " ".join(text.split())
        allowed = self._within(filters)
        if asked.within is not None or asked.without:
            ids = allowed.ids if allowed else self.store.ledger.entry_ids()
            ids = (ids if asked.within is None else ids & asked.within) - asked.without
            allowed = Filtered(ids, allowed.lacking if allowed else {})
        answer, evidence = self.pipeline.answer(asked.text, allowed, for_model=for_model)
        return (answer if asked.text == typed else replace(answer, question=typed, understood=asked.text)), evidence

    def stream(self, text: str, filters: Filters | None = None, turns: Sequence[Turn] = ()) -> Iterator[Checked | Answer]:
        """Answer a question bit by bit; the arguments are those of :meth:`ask`.

        Yields:
            Each sentence once it is found to hold, and at the end the whole answer.

        Raises:
            QuestionError: it cannot be asked.
        """
        began = time.perf_counter()
        model = self.model
        if model is None:
            yield self.plain(text, filters, turns)
            return
        asked, usage = rewritten(text, turns, model, self.options)
        # One timeout for all calls: what the rewriting took is not given again.
        left = max(_LEAST_TIME, self.options.llm_timeout - (time.perf_counter() - began)) if turns else self.options.llm_timeout
        options = self.options.model_copy(update={"llm_timeout": left})
        answer, evidence = self._answered(text, asked, filters)
        if not evidence:
            yield replace(answer, usage=usage)
            return
        written = Written(usage=usage)
        second = self._second(options) if self._second else None
        try:
            prompt = self._prompt(answer, evidence)
            cost = usage.cost + prompt.cost
            if self.options.max_cost is not None and cost > self.options.max_cost:
                note = f"{FAULTS[0]}: it may cost ${cost:.4f}, more than max_cost ${self.options.max_cost:.4f}."
                yield replace(_with_note(answer, note, began), usage=usage)
                return
            try:
                yield from write(model, prompt, options, self._verifier, written, second)
            except ModelError as error:
                if not error.overflow:
                    raise
                prompt = self._prompt(answer, evidence, most=prompt.tokens // 2)
                yield from write(model, prompt, options, self._verifier, written, second)
        except UserError as error:
            note = f"{FAULTS[bool(written.checked)]}: {error}"
            if not written.checked:
                yield replace(_with_note(answer, note, began), usage=written.usage)
                return
            whole = merged(answer, written, model, prompt, began)
            yield replace(whole, notes=(*whole.notes, note))
            return
        whole = merged(answer, written, model, prompt, began)
        unasked = (f"No second opinion could be had: {second.failed}",) if second and second.failed else ()
        yield replace(whole, notes=(*whole.notes, *unasked))

    def preview(self, text: str, filters: Filters | None = None, turns: Sequence[Turn] = ()) -> list[Prompt]:
        """What a model would be sent, call by call; nothing is sent.

        A follow-up's answer is asked for by the question as the model rewrites it; since nothing is sent, the rules rewrite it here.

        Raises:
            QuestionError: it cannot be asked.
            SettingsError: the window has no room for sources.
        """
        answer, evidence = self._answered(text, rewrite_standalone(text, turns), filters)
        return [make_request(text, turns, self.options)] * bool(turns) + ([self._prompt(answer, evidence)] if evidence else [])

    @cached_property
    def _word_pieces(self) -> Callable[[str], list[int]]:
        """Word pieces by BERT's vocabulary: the shipped embedder's, whatever the store uses."""
        embedder = self.store.embedder
        return (embedder if isinstance(embedder, OnnxEmbedder) else shipped_embedder()).word_pieces

    @cached_property
    def pipeline(self) -> Pipeline:
        """The stages a question goes through without a model."""
        return Pipeline(self.store, self.reader, self.name)

    @cached_property
    def reader(self) -> Reader | None:
        """What judges the papers that search finds; None where the settings do without."""
        return Reader(self._word_pieces) if self.options.reader else None

    @cached_property
    def _verifier(self) -> Verifier:
        embedder = self.store.embedder
        # Checking is done by the shipped embedder whatever the store uses: it gives words, and sends nothing.
        return Verifier(embedder if isinstance(embedder, OnnxEmbedder) else shipped_embedder())

    @_alone
    def _prompt(self, answer: Answer, evidence: Sequence[Evidence], most: int | None = None) -> Prompt:
        template = load_template(answer.mode, self.options.prompts)
        entries = self.store.ledger.entries(list({e.entry for e in evidence}))
        window = self.model.window if self.model else self.options.llm_window
        return make_prompt(answer.understood or answer.question, answer.mode, evidence, entries, template, self.options, window, most)

    @_alone
    def _within(self, filters: Filters | None) -> Filtered | None:
        return self.store.ledger.filter(filters) if filters else None


def _with_note(answer: Answer, note: str, began: float) -> Answer:
    return replace(answer, notes=(*answer.notes, note), seconds=time.perf_counter() - began)
