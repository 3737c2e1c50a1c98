"""Commands that fill, keep and mend a store."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.config import store_path
from assistant.faces.options import (
    AuthorOption,
    JsonOption,
    SourceOption,
    StoreOption,
    VenueOption,
    YearOption,
    filters_of,
    open_assistant,
    plural,
    print_json,
    told,
)
from assistant.faces.progress import bar
from store.errors import InputFileError, SettingsError

_SHOWN = 20
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before texts are sent to an embedder elsewhere.")]
WaitOption = Annotated[float | None, typer.Option("--wait", metavar="SECONDS", min=0, help="For another writer to end.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (ingest, export, show, forget, status, doctor, reembed):
        app.command()(command)


@contextmanager
def _opened(
    option: Path | None, *, create: bool = False, folder: Path | None = None, wait: float | None = None, embedder: str | None = None
) -> Iterator[Any]:
    from assistant.settings import configured
    from store.store import Store

    flags = {"lock_timeout": wait, "embedder": embedder}
    with Store(folder or store_path(option).path, configured(flags).settings.store, create=create, notify=told) as store:
        yield store


def ingest(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders or patterns; - reads standard input.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
    format: Annotated[
        str, typer.Option("--format", help="feed, pairs, json, jsonl, csv, tsv, bibtex, ris, arxiv or openalex; else it is found out.")
    ] = "",
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=NAME", help="What the file calls a field; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would change.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Take out what a file held before and does not now.")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="DIR", help="Where what was rejected is written (else the store's folder rejects).")
    ] = None,
    yes: YesOption = False,
    wait: WaitOption = None,
) -> None:
    """Read papers into the store: feed pages, JSON, CSV, BibTeX, RIS, the arXiv snapshot, OpenAlex works; .gz of any.

    Examples: assistant ingest library.bib; assistant ingest 'dumps/*.jsonl.gz'; assistant ingest table.csv --map title=paper_title; cat page.txt | assistant ingest -
    """
    from store.ingest import ingest as run
    from store.parse import FieldMap, Reading, find_files
    from store.parse.formats import parser_for
    from store.store import LEDGER

    if not all(path.strip() for path in paths):
        raise InputFileError("An empty path was given.", "Check that the variable it came from is set.")
    if "-" in paths and prune:
        raise SettingsError("--prune needs files that can be read again; standard input cannot.", "Save it to a file first.")
    reading = Reading(format, FieldMap.of(map_ or []))
    if format:
        parser_for(format, reading.names)
    target = store_path(store).path
    with tempfile.TemporaryDirectory() as scratch:
        files = find_files([_piped(Path(scratch)) if path == "-" else Path(path) for path in paths])
        folder = Path(scratch) / "store" if dry_run and not (target / LEDGER).exists() else target
        with _opened(store, create=True, folder=folder, wait=wait) as opened:
            report = run(
                opened,
                files,
                reading=reading,
                dry_run=dry_run,
                prune=prune,
                rejects=rejects or target / "rejects",
                progress=bar(),
                approve=lambda cost: _approved(cost, yes),
            )
    error = {"error": {"message": report.errors[0].message, "fix": report.errors[0].fix}} if report.errors else {}
    if as_json:
        data = dataclasses.asdict(dataclasses.replace(report, errors=()))
        del data["errors"]
        for row in data["rejected"]:
            del row["raw"], row["head"]
        print_json({"schema": 1, **data, **error})
    else:
        _print(report, dry_run)
    if report.errors:
        raise SystemExit(2)


def _piped(folder: Path) -> Path:
    """Standard input in a file, named by its content so that the same input is the same file again."""
    if sys.stdin.isatty():
        raise InputFileError("Standard input is the terminal.", "Pipe a file in: assistant ingest - < FILE")
    part = folder / "part"
    with part.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return part.rename(folder / f"stdin-{digest[:8]}")


def _approved(cost: Any, yes: bool) -> bool:
    print(f"To embed: {cost}", file=sys.stderr)
    if yes or not sys.stdin.isatty():
        return True
    return typer.confirm("Go on?", err=True)


def _print(report: Any, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    print(
        f"{report.entries} {plural(report.entries, 'entry')} from {report.provenances} {plural(report.provenances, 'record')}: "
        f"{report.added} {would}added, {report.updated} {would}updated, {report.unchanged} unchanged, {report.removed} {would}removed."
    )
    if dry_run and report.estimate:
        print(f"To embed: {report.estimate}")
    for reject in report.rejected[:_SHOWN]:
        print(f"rejected: {reject.file}, line {reject.line}: {reject.reason}", file=sys.stderr)
    if len(report.rejected) > _SHOWN:
        print(f"... and {len(report.rejected) - _SHOWN} more.", file=sys.stderr)
    for file in report.files:
        if file.rejects:
            print(f"What was rejected is in {file.rejects}: correct it there and ingest that.", file=sys.stderr)
        if file.vanished:
            print(
                f"{file.file} no longer holds {file.vanished} {plural(file.vanished, 'paper')} that it held before; kept. "
                f"To drop: assistant ingest --prune{' (once nothing in it is rejected)' if report.rejected else ''}",
                file=sys.stderr,
            )
    for problem in report.errors:
        print(f"error: {problem}", file=sys.stderr)


def export(
    output: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; its ending tells the format. Else standard output.")
    ] = None,
    store: StoreOption = None,
    format: Annotated[str, typer.Option("--format", help="jsonl, bibtex or csv.")] = "",
    year: YearOption = None,
    author: AuthorOption = None,
    venue: VenueOption = None,
    source: SourceOption = None,
) -> None:
    """Write the store's entries to a file that other programs read; ingested again, it makes the same store.

    Examples: assistant export library.bib; assistant export --format csv > papers.csv; assistant export recent.jsonl --year 2024-
    """
    from store.export import exported

    endings = {".jsonl": "jsonl", ".bib": "bibtex", ".csv": "csv"}
    if not format and output is not None and output.suffix.lower() not in endings:
        raise SettingsError(f"{output}: its ending names no format.", "End it in .jsonl, .bib or .csv, or say --format.")
    format = format or (endings[output.suffix.lower()] if output is not None else "jsonl")
    filters = filters_of(year, author, venue, source)
    ledger = open_assistant(store).store.ledger
    pieces = exported(ledger.each_entry(ledger.filter(filters).ids if filters else None), format)
    if output is None:
        sys.stdout.reconfigure(newline="")  # type: ignore[union-attr]
        for piece in pieces:
            sys.stdout.write(piece)
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            count = sum(1 for piece in pieces if file.write(piece)) - (format == "csv")
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SettingsError(f"{output}: cannot be written ({error.strerror}).", "Check the folder and the disk.") from None
    print(f"{output}: {count} {plural(count, 'entry')}.")


def show(name: str, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show one entry: by id, alias, file#number or whole title."""
    from assistant.render.terminal import safe

    entry = open_assistant(store).store.resolve(name)
    if as_json:
        print_json({"schema": 1, **dataclasses.asdict(entry)})
        return
    print(f"{safe(entry.title or 'Untitled')}\n{entry.id}")
    about = [", ".join(entry.authors), ", ".join(str(one) for one in (entry.venue, entry.year) if one), entry.url or ""]
    about.append(f"keywords: {', '.join(entry.keywords)}" if entry.keywords else "")
    print("".join(f"{safe(line)}\n" for line in about if line), end="")
    print("\n".join(f"{p} (line {p.line})" for p in entry.provenance))
    print(f"\n{safe(entry.abstract)}")


def forget(name: str, store: StoreOption = None, wait: WaitOption = None) -> None:
    """Take a file's entries, or one entry, out of the store."""
    from store.ingest import forget as run

    with _opened(store, wait=wait) as opened:
        what, records, entries = run(opened, name)
    print(f"Forgot {what}: {records} {plural(records, 'record')} taken out, {entries} {plural(entries, 'entry')} left the store.")


def status(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Say what the store holds, and what is sent where."""
    from assistant.settings import configured

    assistant = open_assistant(store)
    settings = configured().settings
    ledger = assistant.store.ledger
    sent = [] if _stays(settings.llm) else [f"questions and sentences of abstracts go to {settings.llm}"]
    made_with = ledger.meta("embedder")
    embedder = assistant.store.embedder
    if embedder.place:
        sent.append(f"questions, and abstracts when they are ingested, go to {embedder.place}")
    if home := ledger.meta("vector_home"):
        sent.append(f"vectors are on the Chroma server {home}")
    network = "; ".join(sent) or "nothing is sent anywhere"
    counts = ledger.counts()
    if as_json:
        print_json({"schema": 1, "store": assistant.name, **counts, "embedder": made_with, "model": settings.llm, "network": network})
        return
    print(f"store: {assistant.name}")
    print("\n".join(f"{name}: {number}" for name, number in counts.items()))
    print(f"embedder: {made_with}\nmodel: {settings.llm}\nnetwork: {network}")


def _stays(llm: str) -> bool:
    """Whether a model's name means that nothing leaves this machine."""
    return llm.strip().lower() in ("", "none") or llm.endswith(".gguf")


def doctor(
    store: StoreOption = None,
    fix: Annotated[bool, typer.Option("--repair", help="Rebuild what is wrong.")] = False,
    as_json: JsonOption = False,
    yes: YesOption = False,
    wait: WaitOption = None,
) -> None:
    """Compare the ledger with both indexes, query them, and say what is wrong."""
    from store.doctor import examine, repair

    with _opened(store, wait=wait) as opened:
        findings = examine(opened)
        first = findings
        if findings and fix:
            for finding in findings if not as_json else ():
                print(f"{finding.part}: {finding.text}")
            repair(opened, findings, bar(), lambda cost: _approved(cost, yes))
            findings = examine(opened)
    if as_json:
        print_json({"schema": 1, "found": [dataclasses.asdict(f) for f in first], "left": [dataclasses.asdict(f) for f in findings]})
    elif findings:
        for finding in findings:
            print(f"{finding.part}: {finding.text}")
        print("Still wrong." if fix else "Repair with: assistant doctor --repair", file=sys.stderr)
    else:
        print(f"{'Repaired. ' if first else ''}The ledger and both indexes agree.")
    if findings:
        raise SystemExit(2)


def reembed(
    store: StoreOption = None,
    embedder: Annotated[
        str | None, typer.Option("--embedder", metavar="NAME", help="As in the setting embedder, which it overrides.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take.")] = False,
    yes: YesOption = False,
    wait: WaitOption = None,
) -> None:
    """Embed the whole store anew with another embedder; the old vectors are used until the new ones are whole.

    Interrupted, the same command goes on. Examples: assistant reembed --embedder openai:text-embedding-3-small --dry-run
    """
    from store.embed import load_embedder
    from store.estimate import estimate
    from store.reembed import reembed as run

    with _opened(store, wait=wait, embedder=embedder) as opened:
        chosen = load_embedder(opened.settings)
        if dry_run:
            print(estimate(opened, chosen, opened.ledger.counts()["entries"]))
            return
        if opened.ledger.meta("embedder") == chosen.name:
            print(f"The store is made with {chosen.name} already.")
            return
        count = run(opened, chosen, bar(), lambda cost: _approved(cost, yes))
        print(f"{count} {plural(count, 'chunk')} embedded; the store now uses {chosen.name}.")
        if embedder:
            told(f"Keep it in the settings, so that questions are embedded alike: assistant config set embedder {embedder}")
