"""Commands about topics."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.faces.options import (
    AuthorOption,
    CostOption,
    JsonOption,
    LlmOption,
    ReaderOption,
    SourceOption,
    StoreOption,
    VenueOption,
    YearOption,
    filters_of,
    open_assistant,
    width,
)
from assistant.faces.progress import bar
from assistant.faces.show import print_prompts
from store.errors import QuestionError, SettingsError

FORMATS = ("--json", "--markdown", "--html", "--bibtex")
LENGTHS = ("short", "medium", "long")
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file; .json, .md, .html and .bib tell the format.")
]
_BY_ENDING = {".json": "--json", ".md": "--markdown", ".html": "--html", ".htm": "--html", ".bib": "--bibtex"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(summarize)
    app.command("summarise", hidden=True)(summarize)
    app.command()(topics)
    app.command()(related)


def summarize(
    topic: Annotated[str | None, typer.Argument(help="The topic, in a few words; - reads it from standard input.")] = None,
    store: StoreOption = None,
    length: Annotated[str, typer.Option("--length", metavar="|".join(LENGTHS), help="How much to quote.")] = "medium",
    focus: Annotated[str | None, typer.Option("--focus", metavar="TEXT", help="What matters most: sentences on it are preferred.")] = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print one HTML page; quotes open in their abstracts.")] = False,
    as_bibtex: Annotated[bool, typer.Option("--bibtex", help="Print BibTeX of what is cited.")] = False,
    output: OutputOption = None,
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what of a model's sentences was removed.")] = False,
    llm: LlmOption = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="For each of a model's calls: one a theme, and one.")
    ] = None,
    max_cost: CostOption = None,
    reader: ReaderOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what a model would be sent, its tokens and cost; send nothing.")
    ] = False,
) -> None:
    """Sum up what the papers say on a topic: themes, findings, open questions, and how much of the relevant papers is cited.

    Examples: assistant summarize "pruning of neural networks"; assistant summarize grokking --length short -o grokking.html
    """
    filters = filters_of(year, author, venue, source)
    if length not in LENGTHS:
        raise SettingsError(f"--length {length!r} is not a length.", f"Write {', '.join(LENGTHS[:-1])} or {LENGTHS[-1]}.")
    form = chosen_format((as_json, as_markdown, as_html, as_bibtex), output)
    if topic is None:
        raise QuestionError("No topic was given.", 'For example: assistant summarize "pruning of neural networks"')
    text = sys.stdin.read() if topic == "-" else topic
    assistant = open_assistant(store, {"llm": llm, "llm_timeout": timeout, "max_cost": max_cost, "reader": reader})
    if dry_run:
        print_prompts(assistant.preview_summary(text, filters, length=length, focus=focus), assistant.model, as_json)
        return
    if assistant.model is not None and sys.stderr.isatty():
        sent = assistant.preview_summary(text, filters, length=length, focus=focus)
        cost = sum(prompt.cost for prompt in sent)
        print(
            f"{len(sent)} calls of {assistant.model.name}, {sum(p.tokens for p in sent):,} prompt tokens, at most ${cost:.4f}",
            file=sys.stderr,
        )
    made = assistant.summarize(text, filters, length=length, focus=focus, progress=bar())
    write_out(formatted(assistant, made, form, to_file=output is not None, explain=explain), output)
    if any(note.startswith("Stopped") for note in made.notes):
        raise SystemExit(130)


def chosen_format(wanted: tuple[bool, ...], output: Path | None) -> str:
    """One of :data:`FORMATS`, or empty for text.

    Raises:
        SettingsError: several were asked for.
    """
    given = [name for name, one in zip(FORMATS, wanted, strict=True) if one]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} cannot go together.", "Choose one format.")
    return given[0] if given else _BY_ENDING.get(output.suffix.lower(), "") if output else ""


def formatted(assistant: Any, made: Any, form: str, *, to_file: bool, explain: bool) -> str:
    """A summary as text in one of the formats."""
    if form == "--json":
        return json.dumps(made.as_json(), ensure_ascii=False) + "\n"
    if not form:
        from assistant.render.summary import render

        color = not to_file and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        return render(made, width=80 if to_file else width(), color=color, explain=explain)
    if form == "--markdown":
        from assistant.render.summary import markdown

        return markdown(made)
    cited = assistant.store.ledger.entries([c.id for c in made.citations])
    if form == "--bibtex":
        from assistant.render.export import bibtex

        return bibtex(made, cited)
    from assistant.render.html import summary_page

    return summary_page(made, cited)


def write_out(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file and say so.

    Raises:
        SettingsError: the file cannot be written.
    """
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{output}: cannot be written ({error.strerror or error}).", "Name another file.") from None
    print(f"Written to {output}.", file=sys.stderr)


def topics(
    store: StoreOption = None,
    inside: Annotated[int | None, typer.Option("--in", metavar="NUMBER", help="Look into the theme of this number.")] = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print one HTML page with a picture.")] = False,
    output: OutputOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Find the themes anew instead of keeping those found before.")] = False,
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
) -> None:
    """Show the corpus as a map: its themes, their sizes, what sets each apart and the papers that stand for it.

    Examples: assistant topics; assistant topics --in 3; assistant topics -o map.html
    """
    filters = filters_of(year, author, venue, source)
    form = chosen_format((as_json, as_markdown, as_html, False), output)
    if form == "--bibtex":
        raise SettingsError(f"{output}: a map has no BibTeX.", "Name a file that ends in .html, .md, .json or .txt.")
    assistant = open_assistant(store)
    made = assistant.topics(filters, theme=inside, picture=form == "--html", fresh=fresh, progress=bar())
    if form == "--json":
        text = json.dumps(made.as_json(), ensure_ascii=False) + "\n"
    else:
        from assistant.render import atlas as shown

        color = output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        pages = {"--markdown": shown.markdown, "--html": shown.page}
        text = pages[form](made) if form else shown.render(made, width=80 if output else width(), color=color)
    write_out(text, output)


def related(
    name: Annotated[str, typer.Argument(metavar="ID", help="Id, alias, file#number or whole title.")],
    count: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many.")] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
) -> None:
    """List the entries nearest to one: what they share with it, what sets them apart, and which are near-duplicates.

    Examples: assistant related 2301.05217; assistant related "Deep Double Descent" -k 5
    """
    made = open_assistant(store).related(name, count, filters_of(year, author, venue, source))
    if as_json:
        print(json.dumps(made.as_json(), ensure_ascii=False))
        return
    from assistant.render.atlas import render_related

    print(render_related(made, width=width()), end="")
