"""A summary that a model writes theme by theme; every sentence is checked, and a theme that fails is quoted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.answering.checked import Checked
from assistant.answering.model import Prompt, Written, make_prompt, write
from assistant.answering.second import Objector
from assistant.llm import LanguageModel, ModelError, ModelSettings
from assistant.templates import load_template
from assistant.topics.compose import Composed, sentences_of
from assistant.topics.summarize import Gathered, Parts, quoted
from assistant.types import Evidence, Removed
from assistant.verify import Verifier
from store.errors import SettingsError

# Sentences of a paper that a model sees in a theme.
_SHOWN = 4
Progress = Callable[[str, int, int], None]


@dataclass
class Report:
    """What came of the model's writing, part by part: notes for the reader, and what it took."""

    written: Written
    notes: list[str]
    stopped: bool = False


def prompts(found: Gathered, composed: Composed, topic: str, settings: ModelSettings, folder: str, window: int) -> list[Prompt]:
    """What a model is sent for a summary: a prompt for the overview, then one a theme.

    Args:
        found: the topic's papers in groups.
        composed: the quotes of the summary without a model.
        topic: as typed.
        settings: limits and prices.
        folder: of the user's own prompts.
        window: tokens the model reads and writes at most.

    Raises:
        SettingsError: the window has no room for sources, or a prompt cannot be used.
    """
    entries = {m.scored.entry.id: m.scored.entry for m in found.members}
    papers = {m.scored.entry.id: m.scored for m in found.members}
    opening = [*composed.overview, *(e for part in composed.themes for e in part)]
    made = [make_prompt(topic, "overview", opening, entries, load_template("overview", folder), settings, window)]
    for group in found.groups:
        rows: list[Evidence] = []
        each = [sorted(sentences_of(papers[id]), key=lambda s: -s.worth)[:_SHOWN] for id in group.members]
        # A sentence of each paper before the second of any, so that a small window leaves no paper out.
        for rank in range(_SHOWN):
            rows += [sentences[rank].evidence for sentences in each if rank < len(sentences)]
        made.append(
            make_prompt(
                f"{group.name} (in an overview of {topic})", "theme", rows, entries, load_template("theme", folder), settings, window
            )
        )
    return made


def written(
    model: LanguageModel,
    sent: Sequence[Prompt],
    found: Gathered,
    composed: Composed,
    settings: ModelSettings,
    verifier: Verifier,
    second: Callable[[], Objector | None],
    progress: Progress | None = None,
) -> tuple[Parts, Report]:
    """The parts of a summary as the model writes them; what fails is quoted instead.

    Args:
        model: who writes.
        sent: from :func:`prompts`.
        found: the topic's papers in groups.
        composed: the quotes of the summary without a model.
        settings: limits, timeout of a call, and prices.
        verifier: decides on support.
        second: makes who may object to a part's sentences.
        progress: told of each part.

    Returns:
        The parts, and what is to be said about them. Ctrl-C stops the writing; what was written stays.
    """
    plain = quoted(composed, found)
    report = Report(Written(), [])
    parts: list[tuple[Checked, ...]] = [plain.overview, *plain.themes]
    failed: dict[str, int] = {}
    done = 0
    for number, prompt in enumerate(sent):
        if progress is not None:
            progress("writing", number, len(sent))
        of_part = Written()
        try:
            for _ in write(model, prompt, settings, verifier, of_part, second()):
                pass
        except (ModelError, SettingsError) as error:
            failed[str(error)] = failed.get(str(error), 0) + 1
        except KeyboardInterrupt:
            report.stopped = True
        _add(report.written, of_part)
        said = [one for one in of_part.checked if one.support != "quoted"]
        if said:
            done += 1
            parts[number] = tuple([*of_part.checked, *_uncited(plain.themes[number - 1], of_part.checked)] if number else of_part.checked)
        if report.stopped:
            break
    if progress is not None:
        progress("writing", len(sent), len(sent))
    report.notes += _notes(done, len(sent), failed, report)
    overview, *themes = parts
    return Parts(overview, tuple(themes), plain.disagreements, plain.limitations), report


def _uncited(quotes: Sequence[Checked], said: Sequence[Checked]) -> list[Checked]:
    """A quote of each paper of a theme that the model did not cite."""
    cited = {source.entry.id for one in said for source in one.sources}
    rest: dict[str, Checked] = {}
    for quote in quotes:
        if quote.sources[0].entry.id not in cited:
            rest.setdefault(quote.sources[0].entry.id, quote)
    return list(rest.values())


def _add(whole: Written, part: Written) -> None:
    whole.checked += part.checked
    whole.removed += part.removed
    whole.unknown += part.unknown
    whole.usage += part.usage


def _notes(done: int, parts: int, failed: Mapping[str, int], report: Report) -> list[str]:
    notes = []
    if report.stopped:
        notes.append(f"Stopped: {done} of {parts} parts are the model's, the others are quotes.")
    elif done < parts:
        notes.append(f"{done} of {parts} parts are the model's, the others are quotes.")
    notes += [f"The model failed {count} {'time' if count == 1 else 'times'}: {text}" for text, count in failed.items()]
    removed: Sequence[Removed] = report.written.removed
    replaced = sum("quoted instead" in r.why for r in removed)
    gone = sum("quoted instead" not in r.why and not r.why.startswith(("it repeats", "it says nothing")) for r in removed)
    if replaced or gone:
        said = [f"{replaced} replaced by a quote"] * bool(replaced) + [f"{gone} removed"] * bool(gone)
        notes.append(f"Of the model's sentences {' and '.join(said)}: the abstracts do not bear them out.")
    return notes
