"""What the commands share: their options, the store they mean, how they print."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.config import existing, sample_path, store_path
from assistant.faces.progress import bar
from store.errors import SettingsError
from store.types import Filters

StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="The store (else ASSISTANT_STORE, else the default one).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
YearOption = Annotated[str | None, typer.Option("--year", help="2020, 2018-2020, 2018- or -2020.")]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Part of an author's name.")]
VenueOption = Annotated[str | None, typer.Option("--venue", help="Part of the venue's name.")]
SourceOption = Annotated[str | None, typer.Option("--source", help="Name of a file that was read; * and ? match.")]


LlmOption = Annotated[
    str | None,
    typer.Option("--llm", metavar="MODEL", help="Who writes: NAME@URL, openai:NAME, ollama:NAME, FILE.gguf, module:Class, or none."),
]
TimeoutOption = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="For a model's whole answer.")]
ReaderOption = Annotated[
    bool | None,
    typer.Option(
        "--reader/--no-reader",
        show_default=False,
        help="Let the reader judge what search finds (default), or do without: faster and worse.",
    ),
]
CostOption = Annotated[float | None, typer.Option("--max-cost", metavar="DOLLARS", help="Ask no model where the answer may cost more.")]


def print_json(data: Any) -> None:
    print(json.dumps(data, ensure_ascii=False))


def told(text: str) -> None:
    """Say something to the person who waits, beside the output."""
    print(f"Note: {text}", file=sys.stderr)


def filters_of(year: str | None, author: str | None, venue: str | None, source: str | None) -> Filters | None:
    years = None
    if year is not None:
        match = re.fullmatch(r"(\d{4})?(-)?(\d{4})?", year.strip())
        if not match or not (match.group(1) or match.group(3)):
            raise SettingsError(f"--year {year!r} is not a year or a range.", "Write 2020, 2018-2020, 2018- or -2020.")
        low, dash, high = match.groups()
        years = (int(low) if low else None, int(high) if high else (None if dash else int(low)))
        if low and high and int(high) < int(low):
            raise SettingsError(f"--year {year!r} ends before it begins.", f"Write {high}-{low}.")
    filters = Filters(years=years, author=author, venue=venue, source=source)
    return filters if filters else None


def open_assistant(option: Path | None, flags: dict[str, Any] | None = None) -> Any:
    from assistant.core import Assistant
    from assistant.settings import configured
    from store.errors import StoreError

    settings = configured(flags or {}).settings
    # Only questions ask a model; other commands must not need its key.
    options = settings if flags is not None else None
    where = store_path(option)
    path = existing(where)
    if path is not None:
        try:
            opened = Assistant(path, settings.store, options=options, notify=told)
            if waiting := opened.store.ledger.waiting():
                print(
                    f"Note: {waiting} {plural(waiting, 'entry')} not indexed yet, so answers may miss them. Finish with the same ingest again.",
                    file=sys.stderr,
                )
            return opened
        except StoreError:
            if where.explicit:
                raise
    from assistant.sample import sample_store

    sample = sample_path()
    if not sample.exists():
        print("No corpus yet: indexing the bundled sample (60 digests). Your own: assistant ingest FILE", file=sys.stderr)
    sample_store(sample, bar())
    return Assistant(sample, name="sample", options=options)


def needs(module: str, extra: str) -> None:
    """Stop with a clear sentence where a package of an extra is not installed.

    Raises:
        SettingsError: it is not.
    """
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise SettingsError(f"The package {module} is not installed.", f"Run: pip install 'paper-assistant[{extra}]'")


def width() -> int:
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80


def plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
