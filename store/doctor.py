"""Compare the ledger with both indexes, and rebuild what is wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from store.embed import load_embedder
from store.errors import EmbedderError, RefusedError, StoreError, UserError
from store.estimate import Approve, waiting_cost
from store.ids import entry_of
from store.indexing import Progress, index_pending
from store.reembed import reembed
from store.settings import BUILTIN_EMBEDDER
from store.store import Store

# Probes spread over the whole index; each costs a query and a look-up.
_PROBES = 200
_SHOWN = 5
_FATAL = {
    int(found): name for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV") if (found := getattr(signal, name, None)) is not None
}
_LARGEST_CODE = 255
# Damage can make a native library end the process that reads it, so that is first tried in one of its own.
_TRIAL = """
import sys
from pathlib import Path
import numpy as np
from store.vectors import VectorIndex
index = VectorIndex(Path(sys.argv[1]), collection=sys.argv[2])
index.query(np.ones(int(sys.argv[3]), dtype=np.float32), 10)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with ``part``: ``ledger``, ``vector``, ``lexical``, ``embedder`` or ``waiting``."""

    part: str
    text: str


def examine(store: Store) -> list[Finding]:
    """Everything that is wrong with a store; empty where all three parts agree and answer queries."""
    if faults := store.ledger.faults():
        return [Finding("ledger", fault) for fault in faults[:_SHOWN]]
    findings: list[Finding] = []
    waiting = store.ledger.counts()["waiting"]
    if waiting:
        findings.append(Finding("waiting", f"{waiting} changes are in the ledger and not yet in the indexes"))
    if store.ledger.meta("next_embedder"):
        findings.append(Finding("embedder", f"embedding anew with {store.ledger.meta('next_embedder')} was begun and not finished"))
    elif other := _other_embedder(store):
        findings.append(Finding("embedder", other))
    findings += _vector_findings(store)
    findings += _lexical_findings(store)
    return findings


def ensure_whole(store: Store, progress: Progress | None = None) -> None:
    """Rebuild what an index lost, or what an earlier version made another way."""
    try:
        store.require_whole()
    except StoreError:
        repair(store, examine(store), progress)


def repair(store: Store, findings: list[Finding], progress: Progress | None = None, approve: Approve | None = None) -> None:
    """Rebuild the indexes that findings name from the ledger, and finish what waits.

    Vectors come from the ledger; nothing is embedded again unless the store was made with another embedder than the
    settings name, and then the old vectors are used until the new ones are whole.

    Args:
        store: which.
        findings: what :func:`examine` found.
        progress: as in :func:`store.ingest.ingest`.
        approve: told the cost before everything is embedded anew, or anything is sent to an embedder elsewhere; without it nothing is sent.

    Raises:
        StoreError: the ledger itself is damaged; nothing is changed.
    """
    parts = {finding.part for finding in findings}
    if "ledger" in parts:
        raise StoreError(
            f"{store.path}: the ledger is damaged, and it is what the rest is rebuilt from.",
            "Save what can be read (assistant export), then ingest that and the files into a new store.",
        )
    if "embedder" in parts:
        embedder = load_embedder(store.settings)
        if not embedder.place or approve is not None:
            # Refused, it is left as it is, and the rest is mended.
            with contextlib.suppress(RefusedError):
                reembed(store, embedder, progress, approve)
        parts = {finding.part for finding in examine(store)}
    with store.writing():
        for part in ("vector", "lexical"):
            if part in parts:
                store.reset_index(part)
        cost = waiting_cost(store)
        index_pending(store, progress, send=cost is not None and approve is not None and approve(cost))


def _other_embedder(store: Store) -> str | None:
    """What is to be said where the settings name another embedder than the store's."""
    made_with, named = store.ledger.meta("embedder"), store.settings.embedder
    if not made_with or made_with == named == BUILTIN_EMBEDDER:
        return None
    try:
        _ = store.embedder
        other = load_embedder(store.settings).name if made_with == BUILTIN_EMBEDDER else made_with
    except EmbedderError as error:
        return error.message
    return None if other == made_with else f"the store was made with the embedder {made_with}, the settings name {other}"


def _vector_findings(store: Store) -> list[Finding]:
    if fatal := _ends_the_process(store):
        return [Finding("vector", fatal)]
    expected = store.ledger.indexed_ids("chunk")
    try:
        held = store.vectors.ids()
        findings = _differences("vector", "chunks", expected, held, store.ledger.indexed_ids("chunk"))
        sample = sorted(expected & held)[:: max(1, len(expected & held) // _PROBES)]
        entries = sorted({entry_of(id) for id in sample})
        rows = {row.id: row.vector for row in store.ledger.vectors(entries)}
        faults = store.vectors.probe([(id, rows[id]) for id in sample if id in rows])
    except UserError as error:
        return [Finding("vector", error.message)]
    return findings + [Finding("vector", fault) for fault in faults[:_SHOWN]]


def _ends_the_process(store: Store) -> str | None:
    first = next(store.ledger.entry_vectors(), None)
    if store.settings.chroma_url or first is None or not store.vector_path.exists():
        return None
    command = [sys.executable, "-P", "-c", _TRIAL, str(store.vector_path), store.collection, str(len(first[1]))]
    here = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    code = subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": here}
    ).returncode
    # Other faults are named by what is tried next. Windows has no signals, but codes no program gives itself.
    return f"reading it ends the program ({_FATAL.get(-code, code)})" if -code in _FATAL or code > _LARGEST_CODE else None


def _lexical_findings(store: Store) -> list[Finding]:
    expected = store.ledger.indexed_ids("entry")
    try:
        held = store.lexical.ids()
        faults = store.lexical.probe(_texts(store, sorted(expected)[:: max(1, len(expected) // _PROBES)]))
    except UserError as error:
        return [Finding("lexical", error.message)]
    findings = _differences("lexical", "entries", expected, set(held), store.ledger.indexed_ids("entry"))
    if len(held) != len(set(held)):
        findings.append(Finding("lexical", f"{len(held) - len(set(held))} entries are held twice"))
    return findings + [Finding("lexical", fault) for fault in faults[:_SHOWN]]


def _texts(store: Store, ids: list[str]) -> list[tuple[str, str]]:
    return [(entry.id, f"{entry.title or ''} {entry.abstract}") for entry in store.ledger.entries(ids).values()]


def _differences(part: str, what: str, before: set[str], held: set[str], after: set[str]) -> list[Finding]:
    """What an index lacks or has too much, by what the ledger said before and after it was read: another process may be writing."""
    findings = []
    for ids, text in (((before & after) - held, "missing from"), (held - before - after, "left over in")):
        if ids:
            examples = ", ".join(sorted(ids)[:_SHOWN])
            findings.append(Finding(part, f"{len(ids)} {what} {text} the {part} index: {examples}"))
    return findings
