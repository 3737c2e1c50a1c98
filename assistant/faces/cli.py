"""The command line."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from assistant.faces import corpus, topics
from assistant.faces.batch import ask_batch
from assistant.faces.manage import config_app, history_app, prompts_app
from assistant.faces.options import (
    AuthorOption,
    CostOption,
    JsonOption,
    LlmOption,
    ReaderOption,
    SourceOption,
    StoreOption,
    TimeoutOption,
    VenueOption,
    YearOption,
    filters_of,
    needs,
    open_assistant,
    print_json,
    width,
)
from assistant.faces.show import FORMATS, formatted, preview, streamed
from store.errors import QuestionError, SettingsError, StoreError, UserError

_INTERRUPTED = 130

app = typer.Typer(
    help="Answers over a corpus of paper abstracts, with citations that hold.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(config_app, name="config")
app.add_typer(prompts_app, name="prompts")
app.add_typer(history_app, name="history")
corpus.register(app)
topics.register(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"paper-assistant {version('paper-assistant')}")
        raise typer.Exit


@app.callback()
def assistant(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Answers over a corpus of paper abstracts, with citations that hold."""


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question; - reads it from standard input.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="FILE", help="One question, or a JSON object, a line; - reads standard input.")
    ] = None,
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show scores.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print one HTML page, quotes marked in their abstracts.")] = False,
    as_bibtex: Annotated[bool, typer.Option("--bibtex", help="Print BibTeX of what is cited.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the citations as CSV.")] = False,
    llm: LlmOption = None,
    timeout: TimeoutOption = None,
    max_cost: CostOption = None,
    reader: ReaderOption = None,
    go_on: Annotated[bool, typer.Option("-c", "--continue", help="Go on with the last conversation.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what a model would be sent, its tokens and cost; send nothing.")
    ] = False,
) -> None:
    """Answer a question, with citations.

    Examples: ask "what papers study grokking?"; echo "crowd counting" | ask -; ask --batch questions.txt --json
    """
    from assistant import history

    filters = filters_of(year, author, venue, source)
    flags = {"llm": llm, "llm_timeout": timeout, "max_cost": max_cost, "reader": reader}
    formats = [name for name, wanted in zip(FORMATS, (as_json, as_markdown, as_html, as_bibtex, as_csv), strict=True) if wanted]
    if len(formats) > 1:
        raise SettingsError(f"{' and '.join(formats)} cannot go together.", "Choose one format.")
    if batch is not None:
        if question is not None:
            raise SettingsError("A question and --batch were both given.", "Put the question into the file, or leave --batch out.")
        if formats and not as_json:
            raise SettingsError(f"--batch prints text or JSON, not {formats[0]}.", "Use --json, or ask one question at a time.")
        if dry_run or go_on:
            raise SettingsError(f"--batch does not go with {'--dry-run' if dry_run else '--continue'}.", "Ask one question at a time.")
        ask_batch(batch, store, filters, as_json, flags)
        return
    if question is None:
        raise QuestionError("No question was given.", 'For example: ask "what papers study grokking?"')
    text = sys.stdin.read() if question == "-" else question
    assistant = open_assistant(store, flags)
    conversation = history.last() if go_on else history.new()
    if dry_run:
        preview(assistant, text, filters, conversation.turns, as_json)
        return
    if assistant.model is not None and not formats and sys.stdout.isatty():
        answer = streamed(assistant, text, filters, conversation.turns)
    else:
        answer = assistant.ask(text, filters, conversation.turns)
    if assistant.options.history:
        try:
            history.save(conversation.after(text, answer))
        except UserError as error:
            print(f"Note: {error}", file=sys.stderr)
    print(formatted(assistant, answer, formats[0] if formats else "", explain=explain), end="")


@app.command()
def chat(
    store: StoreOption = None,
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show scores.")] = False,
    llm: LlmOption = None,
    timeout: TimeoutOption = None,
    max_cost: CostOption = None,
    reader: ReaderOption = None,
    go_on: Annotated[bool, typer.Option("-c", "--continue", help="Go on with the last conversation.")] = False,
) -> None:
    """Ask question after question; follow-ups may lean on what was asked before.

    Examples: assistant chat; assistant chat -c; printf 'what papers study grokking?\\nwhat does the second one find?\\n' | assistant chat
    """
    from assistant import history
    from assistant.faces.chat import chat as talk
    from assistant.render.terminal import render

    filters = filters_of(year, author, venue, source)
    assistant = open_assistant(store, {"llm": llm, "llm_timeout": timeout, "max_cost": max_cost, "reader": reader})
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def show(answer: Any) -> str:
        return render(answer, width=width(), color=color, explain=explain)

    talk(assistant, history.last() if go_on else history.new(), show, filters, keep=assistant.options.history)


@app.command()
def search(
    query: str,
    count: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many.")] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
    reader: ReaderOption = None,
) -> None:
    """List the entries that fit a query, each with its best sentence and the words it shares."""
    from assistant.render.terminal import results

    hits = open_assistant(store, {"llm": "none", "reader": reader}).search(query, count, filters_of(year, author, venue, source))
    if as_json:
        rows = [
            {
                "id": h.entry.id,
                "title": h.entry.title,
                "score": h.score,
                "sentence": h.sentence,
                "provenance": [dataclasses.asdict(p) for p in h.entry.provenance],
                "dense": h.dense,
                "lexical": h.lexical,
                "matched": h.matched,
            }
            for h in hits
        ]
        print_json({"schema": 1, "query": query, "hits": rows})
        return
    print(results(hits, width=width()), end="")


@app.command()
def mcp(
    store: StoreOption = None,
    llm: LlmOption = None,
    timeout: TimeoutOption = None,
    max_cost: CostOption = None,
    reader: ReaderOption = None,
) -> None:
    """Serve the papers to chat tools over MCP on standard input and output.

    In Claude Desktop: {"mcpServers": {"papers": {"command": "assistant", "args": ["mcp"]}}}
    """
    needs("mcp", "serve")
    from assistant.faces.mcp_server import run_stdio

    # A client waits a minute at most.
    run_stdio(open_assistant(store, {"llm": llm, "llm_timeout": timeout or 30.0, "max_cost": max_cost, "reader": reader}))


@app.command()
def serve(
    store: StoreOption = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; one that others reach needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8765,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A further name that requests may be for, as of a tunnel.")
    ] = None,
    rate: Annotated[int, typer.Option("--rate", min=1, help="Requests a minute that one address may send.")] = 1200,
    log: Annotated[bool, typer.Option("--log", help="Log each request, without what was asked.")] = False,
    llm: LlmOption = None,
    timeout: TimeoutOption = None,
    max_cost: CostOption = None,
    reader: ReaderOption = None,
) -> None:
    """Serve the papers over HTTP: a web page, an OpenAI-compatible endpoint at /v1, and MCP at /mcp.

    A token, in ASSISTANT_TOKEN, must then be sent with every request. Examples: assistant serve; assistant serve --port 9000 --llm ollama:llama3.2
    """
    needs("mcp", "serve")
    from assistant.faces.http.app import run
    from assistant.faces.http.guard import Access

    assistant = open_assistant(store, {"llm": llm, "llm_timeout": timeout, "max_cost": max_cost, "reader": reader})
    access = Access(os.environ.get("ASSISTANT_TOKEN", ""), frozenset(name.lower() for name in allow_host or ()), rate)
    print(f"Serving {assistant.name} at http://{host}:{port} (page, /v1, /mcp). Stop with Ctrl-C.", file=sys.stderr)
    run(assistant, host, port, access, log)


@app.command()
def slack(
    store: StoreOption = None,
    llm: LlmOption = None,
    timeout: TimeoutOption = None,
    max_cost: CostOption = None,
    reader: ReaderOption = None,
) -> None:
    """Answer in Slack: mentions, /papers, and assistant threads, over Socket Mode.

    Needs SLACK_BOT_TOKEN and SLACK_APP_TOKEN (docs/chat-tools.md).
    """
    needs("slack_bolt", "slack")
    from assistant.faces.slack_app import run

    run(open_assistant(store, {"llm": llm, "llm_timeout": timeout, "max_cost": max_cost, "reader": reader}))


def _add_commands(arguments: list[str]) -> None:
    """Add the commands of other packages (evals), which are loaded only when they may be meant."""
    from importlib.metadata import entry_points

    own = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    own |= {group.name for group in app.registered_groups if group.name}
    if arguments[:1] and arguments[0] in own:
        return
    for point in entry_points(group="paper_assistant.commands"):
        app.add_typer(point.load(), name=point.name)


def run(arguments: list[str]) -> None:
    """Run a command line; exits with its code where that is not 0."""
    try:
        if any("\udc80" <= char <= "\udcff" for argument in arguments for char in argument):
            raise SettingsError("An argument is not valid UTF-8.", "Set the terminal to UTF-8, or rename the file.")
        _add_commands(arguments)
        app(args=arguments, prog_name="assistant", standalone_mode=True)
    except UserError as error:
        _failed(error, arguments)
    except sqlite3.DatabaseError as error:
        fix = "See what is wrong: assistant doctor. Save what can be read: assistant export."
        _failed(StoreError(f"The store's ledger cannot be used ({error}).", fix), arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        _stopped(arguments)
        raise SystemExit(_INTERRUPTED) from None
    except SystemExit as end:
        # A reader that closed the pipe has what it wanted; Typer exits with 1.
        if isinstance(end.__context__, BrokenPipeError):
            raise SystemExit(0) from None
        # Typer turns Ctrl-C into this exit code and prints nothing.
        if end.code == _INTERRUPTED:
            _stopped(arguments)
        raise
    except Exception as error:
        # A library that is interrupted while it is being imported says ImportError.
        if not _interrupted(error):
            raise
        _stopped(arguments)
        raise SystemExit(_INTERRUPTED) from None


def _failed(error: UserError, arguments: list[str]) -> NoReturn:
    if "--json" in arguments:
        print_json({"error": {"message": error.message, "fix": error.fix}})
    else:
        print(f"error: {error}", file=sys.stderr)
    raise SystemExit(error.exit_code) from None


def _interrupted(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _stopped(arguments: list[str]) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    resumes = (
        " What was done is kept; the same command goes on from there."
        if arguments[:1] in (["ingest"], ["eval"], ["reembed"], ["doctor"])
        else ""
    )
    print(f"{show_cursor}\nStopped.{resumes}", file=sys.stderr)
