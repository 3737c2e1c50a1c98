"""Compare the ledger with both indexes, and rebuild what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from store.errors import EmbedderError, StoreError, UserError
from store.ingest import Progress, index_pending
from store.store import Store

# Probes spread over the whole index; each costs a query and a look-up.
_PROBES = 200
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with ``part``: ``vector``, ``lexical``, ``embedder`` or ``waiting``."""

    part: str
    text: str


def examine(store: Store) -> list[Finding]:
    """Everything that is wrong with a store; empty where all three parts agree and answer queries."""
    findings: list[Finding] = []
    waiting = store.ledger.counts()["waiting"]
    if waiting:
        findings.append(Finding("waiting", f"{waiting} changes are in the ledger and not yet in the indexes"))
    try:
        _ = store.embedder
    except EmbedderError as error:
        findings.append(Finding("embedder", error.message))
    findings += _vector_findings(store)
    findings += _lexical_findings(store)
    return findings


def ensure_whole(store: Store, progress: Progress | None = None) -> None:
    """Rebuild what an index lost, or what an earlier version made another way."""
    try:
        store.require_whole()
    except StoreError:
        repair(store, examine(store), progress)


def repair(store: Store, findings: list[Finding], progress: Progress | None = None) -> None:
    """Rebuild the indexes that findings name from the ledger, and finish what waits.

    Vectors come from the ledger; nothing is embedded again unless the store was made with another embedder.
    """
    parts = {finding.part for finding in findings}
    with store.writing():
        if "embedder" in parts:
            with store.ledger.transaction():
                store.ledger.unmark(embeddings=True)
                store.ledger.set_meta("embedder", "")
            parts.add("vector")
        for part in ("vector", "lexical"):
            if part in parts:
                store.reset_index(part)
        index_pending(store, progress)


def _vector_findings(store: Store) -> list[Finding]:
    expected = store.ledger.indexed_ids("chunk")
    try:
        held = store.vectors.ids()
        findings = _differences("vector", "chunks", expected, held)
        sample = sorted(expected & held)[:: max(1, len(expected & held) // _PROBES)]
        entries = sorted({id.rpartition("#")[0] for id in sample})
        rows = {row.id: row.vector for row in store.ledger.vectors(entries)}
        faults = store.vectors.probe([(id, rows[id]) for id in sample if id in rows])
    except UserError as error:
        return [Finding("vector", error.message)]
    except Exception as error:  # Chroma raises whatever its damage makes it raise.
        return [Finding("vector", f"the vector index cannot be read: {error}")]
    return findings + [Finding("vector", fault) for fault in faults[:_SHOWN]]


def _lexical_findings(store: Store) -> list[Finding]:
    expected = store.ledger.indexed_ids("entry")
    try:
        held = store.lexical.ids()
    except UserError as error:
        return [Finding("lexical", error.message)]
    except Exception as error:  # as above, for tantivy
        return [Finding("lexical", f"the lexical index cannot be read: {error}")]
    findings = _differences("lexical", "entries", expected, set(held))
    if len(held) != len(set(held)):
        findings.append(Finding("lexical", f"{len(held) - len(set(held))} entries are held twice"))
    return findings


def _differences(part: str, what: str, expected: set[str], held: set[str]) -> list[Finding]:
    findings = []
    for ids, text in ((expected - held, "missing from"), (held - expected, "left over in")):
        if ids:
            examples = ", ".join(sorted(ids)[:_SHOWN])
            findings.append(Finding(part, f"{len(ids)} {what} {text} the {part} index: {examples}"))
    return findings
