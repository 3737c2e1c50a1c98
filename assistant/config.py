"""Where things are. Explicit options come before the environment, and that before the defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from store.errors import StoreError
from store.store import LEDGER

APP = "paper-assistant"


@dataclass(frozen=True, slots=True)
class StorePath:
    """The store to use, and whether the user named it."""

    path: Path
    explicit: bool


def store_path(option: Path | None) -> StorePath:
    """The store named by ``--store``, else by ``ASSISTANT_STORE``, else the default one."""
    if option is not None:
        return StorePath(option, True)
    if named := os.environ.get("ASSISTANT_STORE"):
        return StorePath(Path(named), True)
    return StorePath(user_data_path(APP) / "store", False)


def sample_path() -> Path:
    """Folder of the sample's store."""
    return user_data_path(APP) / "sample"


def existing(store: StorePath) -> Path | None:
    """The store's folder, or None where the default one does not exist yet.

    Raises:
        StoreError: a store that the user named does not exist.
    """
    if (store.path / LEDGER).exists():
        return store.path
    if store.explicit:
        raise StoreError(f"{store.path}: no store here.", f"Make one: assistant ingest FILE --store {store.path}")
    return None
