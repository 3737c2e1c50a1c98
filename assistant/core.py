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

from assistant.analyse import Question, analyse, content_terms, facet_topic, subquestions
from assistant.decide import calibration, refusal
from assistant.evidence import DEEP, Scored, gather, rank_sentences, term_weights
from assistant.followup import Turn, understood
from assistant.llm import LanguageModel, ModelError, make_model
from assistant.premise import denials
from assistant.rewrite import make_request, rewritten
from assistant.settings import Settings
from assistant.templates import load_template
from assistant.topics.atlas import Atlas, atlas, nearest_themes
from assistant.topics.compose import Composed, Length, compose
from assistant.topics.related import Related, related
from assistant.topics.summarize import Gathered, about, assembled, focused, gathered, quoted
from assistant.topics.written import Progress, prompts, written
from assistant.types import Answer, Evidence, Near, Reason, Summary
from assistant.verify import Verifier
from assistant.write.checked import Checked
from assistant.write.extractive import LEADERS, cite, compared, disputed, distinct, headline, members, named_first, quotes
from assistant.write.extractive import text as plain
from assistant.write.model import Prompt, Written, make_prompt, merged, write
from assistant.write.second import second_opinion
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
_NEAREST = 3
_CLOSE = 12
_CLOSEST = 3
_ROOM = 3
_SHOWN = 16
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A search result: the entry, its standing, the sentence that fits best and the question's words it holds."""

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
        question = analyse(query)
        found = named_first(gather(self.store, looked_for(question), question, within=self._within(filters)), question)
        hits = []
        for scored in found[:count]:
            held = set(terms(f"{scored.entry.title or ''} {scored.entry.abstract}"))
            matched = tuple(dict.fromkeys(w for w in question.text.split() if set(word_terms(w)) & held))
            best = scored.sentences[0].quote if scored.sentences else scored.entry.abstract
            hits.append(SearchHit(scored.entry, scored.standing, best, scored.candidate.dense, scored.candidate.lexical, matched))
        return hits

    def ask(self, text: str, filters: Filters | None = None, turns: Sequence[Turn] = ()) -> Answer:
        """Answer a question from the store; where a model is configured it writes, and every sentence of it is checked.

        Args:
            text: the question.
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
        found = gathered(self.store, about(topic), within)
        if focus and found.members:
            found = focused(self.store, found, focus)
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
        return self._answered(text, understood(text, turns), filters, for_model=False)[0]

    @_alone
    def _answered(self, text: str, asked: str, filters: Filters | None, *, for_model: bool = True) -> tuple[Answer, list[Evidence]]:
        typed = " ".join(text.split())
        answer, evidence = self._found(asked, filters, for_model)
        return (answer if asked == typed else replace(answer, question=typed, understood=asked)), evidence

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
        answer, evidence = self._answered(text, understood(text, turns), filters)
        return [make_request(text, turns, self.options)] * bool(turns) + ([self._prompt(answer, evidence)] if evidence else [])

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

    def _shown_to_model(
        self, question: Question, found: Sequence[Scored], evidence: Sequence[Evidence], within: Filtered | None
    ) -> list[Evidence]:
        """The sentences a model may cite, best first: more than are quoted without one, and for every part of a question."""
        if question.mode != "answer":
            return list(evidence)
        ranked = rank_sentences(found, LEADERS)[:_SHOWN]
        for part in subquestions(question.text):
            of_part = gather(self.store, part, question, within=within)
            ranked += [
                e
                for e in rank_sentences(of_part, LEADERS)[: _SHOWN // 2]
                if not any((e.entry, e.start) == (r.entry, r.start) for r in ranked)
            ]
        return ranked

    def _found(self, text: str, filters: Filters | None, for_model: bool) -> tuple[Answer, list[Evidence]]:
        """The answer without a model, and what a model may be shown; nothing where it has no part in the answer."""
        began = time.perf_counter()
        question = analyse(text)
        within = self._within(filters)
        if question.everything:
            return self._about_everything(question, within, began), []
        about = looked_for(question)
        found = named_first(gather(self.store, about, question, within=within), question)
        reason, chance = self._refusal(found, about, question)
        if question.mode == "list":
            found, evidence, reason, chance = self._set(about, question, found, within, reason, chance)
        elif question.mode == "compare":
            sides = [(side, gather(self.store, side, question, within=within)) for side in question.sides]
            evidence = compared(found, sides, question.papers)
        else:
            evidence = quotes(found)
        if not evidence and reason is None:
            reason = "no-topic"
        refused = reason is not None
        if reason is None and question.mode == "answer":
            denied = denials(question.text, rank_sentences(found, _CLOSEST)[:_CLOSE], content_terms(question.text))
            if denied:
                reason, evidence = "false-premise", distinct([*denied[:1], *(e for e in evidence if e.entry == denied[0].entry)], 2)
        entries = {s.entry.id: s.entry for s in found}
        entries |= self.store.ledger.entries([e.entry for e in evidence if e.entry not in entries])
        claims, citations = cite([] if refused else evidence, entries)
        cited = {c.id for c in citations}
        nearest = [s.entry for s in found if s.entry.id not in cited][:_NEAREST]
        head = headline(question.mode, reason, len(claims), len(found), counts=question.counts, against=disputed(claims))
        answer = Answer(
            question=question.text,
            mode=question.mode,
            status="abstained" if refused else "answered",
            reason=reason,
            text=plain(head, question.mode, claims, citations, nearest),
            claims=claims,
            citations=citations,
            nearest=tuple(Near(e.id, e.title, e.provenance) for e in nearest),
            considered=len(found),
            store=self.name,
            seconds=time.perf_counter() - began,
            confidence=1 - chance,
            headline=head,
            scores={s.entry.id: {"BM25": s.candidate.lexical, "standing": s.standing, **s.features} for s in found if s.entry.id in cited},
            terms=tuple(dict.fromkeys(content_terms(about))),
            lacking=tuple(within.lacking.items()) if within else (),
        )
        return answer, self._shown_to_model(question, found, evidence, within) if for_model and not reason else []

    def _refusal(self, found: list[Scored], about: str, question: Question) -> tuple[Reason | None, float]:
        if not found:
            return "no-topic", 1.0
        return refusal(found, term_weights(self.store, content_terms(about)), question)

    def _set(
        self, about: str, question: Question, found: list[Scored], within: Filtered | None, reason: Reason | None, chance: float
    ) -> tuple[list[Scored], list[Evidence], Reason | None, float]:
        """The members of a set, and whether to refuse. An enumeration is refused only if each of its members is; where
        many of the entries looked at belong to the set, more are looked at."""
        relevance = calibration().relevance
        deep = DEEP
        pools = [found]
        for part in question.parts:
            pools.append(gather(self.store, part, question, within=within))
            part_reason, part_chance = self._refusal(pools[-1], part, question)
            if part_chance < chance:
                reason, chance = part_reason, part_chance
        evidence = members(pools, question, relevance)
        while len(found) == deep and (len(evidence) * _ROOM > deep or question.mentions):
            deep *= 4
            found = gather(self.store, about, question, within=within, deep=deep)
            pools = [found, *(gather(self.store, part, question, within=within, deep=deep) for part in question.parts)]
            evidence = members(pools, question, relevance)
        seen = {s.entry.id: s for pool in pools for s in pool}
        return list(seen.values()), evidence, reason, chance

    def _about_everything(self, question: Question, within: Filtered | None, began: float) -> Answer:
        """An answer about the corpus as a whole: its size."""
        count = len(within.ids) if within else self.store.ledger.counts()["entries"]
        head = f"The corpus holds {count:,} papers{' that pass the filter' if within else ''}. Ask about a topic to see some of them."
        return Answer(
            question=question.text,
            mode="list",
            status="answered",
            reason=None,
            text=head,
            claims=(),
            citations=(),
            nearest=(),
            considered=count,
            store=self.name,
            seconds=time.perf_counter() - began,
            headline=head,
        )

    @_alone
    def _within(self, filters: Filters | None) -> Filtered | None:
        return self.store.ledger.filter(filters) if filters else None


def looked_for(question: Question) -> str:
    """What to look for: a question's topic where it asks for papers."""
    return (facet_topic(question) or question.topic) if question.mode == "list" else question.text


def _with_note(answer: Answer, note: str, began: float) -> Answer:
    return replace(answer, notes=(*answer.notes, note), seconds=time.perf_counter() - began)
