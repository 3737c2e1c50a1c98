"""A store on disk: one ledger, two indexes, one writer at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.embed import Embedder, load_embedder
from store.errors import EmbedderError, NotFoundError, StoreBusyError, StoreError
from store.ids import clean_arxiv, clean_doi, title_key
from store.ledger import Ledger
from store.lexical import ANALYSIS, LexicalIndex
from store.settings import StoreSettings
from store.types import Entry
from store.vectors import COLLECTION, VectorIndex

LEDGER = "ledger.sqlite3"
_LOCK = "writer.lock"


class Store:
    """An open store. Everything heavy is opened when it is first used.

    Args:
        path: the store's folder.
        settings: how it embeds and where its vectors live.
        create: make it where it is missing.
        embedder: used instead of the one the settings name.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(
        self, path: Path, settings: StoreSettings | None = None, *, create: bool = False, embedder: Embedder | None = None
    ) -> None:
        self.path = path
        self.settings = settings or StoreSettings()
        if create:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{path}: the store cannot be made ({error.strerror}).", "Choose another folder: --store DIR") from None
        self.ledger = Ledger(path / LEDGER, create=create)
        self._embedder = embedder
        self._vectors: VectorIndex | None = None
        self._lexical: LexicalIndex | None = None
        self._seen: int | None = None
        self._whole: int | None = None

    def close(self) -> None:
        """Release files and indexes."""
        self._drop_indexes()
        self.ledger.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the one writer lock of the store, across processes.

        Raises:
            StoreBusyError: another process still holds it after ``lock_timeout`` seconds.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK, timeout=self.settings.lock_timeout)
        try:
            lock.acquire()
        except Timeout:
            raise StoreBusyError(f"{self.path}: another process is writing to this store.", "Wait for it to end, then try again.") from None
        except OSError as error:
            raise StoreError(f"{self.path}: the store cannot be written ({error.strerror}).", "Check its permissions.") from None
        try:
            yield
        finally:
            lock.release()

    @property
    def embedder(self) -> Embedder:
        """The embedder.

        Raises:
            EmbedderError: it cannot be loaded, or the store was made with another.
        """
        if self._embedder is None:
            self._embedder = load_embedder(self.settings)
        made_with = self.ledger.meta("embedder")
        if made_with and made_with != self._embedder.name:
            raise EmbedderError(
                f"{self.path}: this store was made with the embedder {made_with}, the settings name {self._embedder.name}.",
                "Use that embedder, or embed anew: assistant doctor --repair",
            )
        return self._embedder

    @property
    def vectors(self) -> VectorIndex:
        """The vector index, opened again when another process has changed it."""
        self._notice_changes()
        if self._vectors is None:
            self._vectors = VectorIndex(self.vector_path, url=self.settings.chroma_url, collection=self._collection)
        return self._vectors

    @property
    def lexical(self) -> LexicalIndex:
        """The lexical index, opened again when another process has changed it."""
        self._notice_changes()
        if self._lexical is None:
            self._lexical = LexicalIndex(self.lexical_path)
        return self._lexical

    def require_whole(self) -> None:
        """Make sure that the indexes hold at least what the ledger says they do: a deleted one would answer with nothing.

        Raises:
            StoreError: one of them lost entries.
        """
        generation = self.ledger.generation
        if self._whole == generation:
            return
        for name, held, marked in (
            ("vector", self.vectors.count(), self.ledger.marked("chunk")),
            ("lexical", self.lexical.count(), self.ledger.marked("entry")),
        ):
            if held < marked:
                raise StoreError(
                    f"{self.path}: the {name} index holds {held} of {marked}.", "Rebuild it from the ledger: assistant doctor --repair"
                )
        self._whole = generation

    # A rebuilt index goes into a folder of its own, so that readers of the old one are not disturbed.

    @property
    def vector_path(self) -> Path:
        """Folder of the vector index."""
        return self.path / (self.ledger.meta("vector_folder") or "chroma")

    @property
    def lexical_path(self) -> Path:
        """Folder of the lexical index."""
        base = f"tantivy{ANALYSIS}"
        folder = self.ledger.meta("lexical_folder") or base
        return self.path / (folder if folder.partition(".")[0] == base else base)

    @property
    def _collection(self) -> str:
        return self.ledger.meta("collection") or COLLECTION

    def reset_index(self, kind: str) -> None:
        """Point the store at a new, empty index and delete the old one. Call inside :meth:`writing`.

        Args:
            kind: ``vector`` or ``lexical``.
        """
        old = self.vector_path if kind == "vector" else self.lexical_path
        if kind == "vector" and self.settings.chroma_url:
            self.vectors.clear()
        base = "chroma" if kind == "vector" else f"tantivy{ANALYSIS}"
        number = 1 + max((int(p.name.partition(".")[2] or 0) for p in self.path.glob(f"{base}*") if p.is_dir()), default=0)
        with self.ledger.transaction():
            self.ledger.set_meta(f"{kind}_folder", f"{base}.{number}")
            self.ledger.unmark(vectors=kind == "vector", lexical=kind == "lexical")
            self.ledger.bump_generation()
        self._drop_indexes()
        shutil.rmtree(old, ignore_errors=True)

    def committed(self) -> None:
        """Note that the open indexes already show the ledger's present generation."""
        self._seen = self.ledger.generation

    def resolve(self, name: str) -> Entry:
        """The entry a person means.

        Args:
            name: an id, an alias (BibTeX key, DOI, arXiv id or their URLs), ``file#number``, or a whole title.

        Raises:
            NotFoundError: no such entry.
        """
        name = name.strip()
        candidates = [name, clean_doi(name), clean_arxiv(name)]
        for id in candidates:
            if id and (entry := self.ledger.get(id)):
                return entry
        file, _, number = name.rpartition("#")
        found = self.ledger.find_place(file, int(number)) if file and number.isdecimal() and len(number) < 10 else None
        for key in (f"doi:{candidates[1]}", f"arxiv:{candidates[2]}", f"alias:{name}", title_key(name)):
            found = found or self.ledger.find_key(key)
        entry = self.ledger.get(found) if found else None
        if entry is None:
            raise NotFoundError(f"No entry {name!r} in this store.", "Find its id with: assistant search WORDS")
        return entry

    def _notice_changes(self) -> None:
        now = self.ledger.generation
        if self._seen is not None and now != self._seen:
            self._drop_indexes()
        self._seen = now

    def _drop_indexes(self) -> None:
        if self._vectors is not None:
            self._vectors.close()
        self._vectors = self._lexical = None
