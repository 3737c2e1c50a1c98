"""A store on disk: one ledger, two indexes, one writer at a time."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from store.embed import Embedder, load_embedder, shipped_embedder
from store.errors import EmbedderError, NotFoundError, StoreBusyError, StoreError
from store.ids import clean_arxiv, clean_doi, title_key
from store.ledger import Ledger
from store.lexical import ANALYSIS, LexicalIndex
from store.schema import FORMAT
from store.settings import BUILTIN_EMBEDDER, RETIRED_EMBEDDERS, StoreSettings
from store.types import Entry
from store.vectors import COLLECTION, VectorIndex

LEDGER = "ledger.sqlite3"
_LOCK = "writer.lock"
_WRITER = "writer.pid"


class Store:
    """An open store. Everything heavy is opened when it is first used.

    Args:
        path: the store's folder.
        settings: how it embeds and where its vectors live.
        create: make it where it is missing.
        embedder: used instead of the one the settings name.
        notify: told what a person who waits should know, a sentence each.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(
        self,
        path: Path,
        settings: StoreSettings | None = None,
        *,
        create: bool = False,
        embedder: Embedder | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self.settings = settings or StoreSettings()
        self._notify = notify or (lambda _: None)
        if create:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{path}: the store cannot be made ({error.strerror}).", "Choose another folder: --store DIR") from None
        try:
            self.ledger = Ledger(path / LEDGER)
        except StoreError:
            if not create:
                raise
            # Two that make a store at once must not both lay its tables.
            with self._locked():
                self.ledger = Ledger(path / LEDGER, create=True)
        if self.ledger.format < FORMAT:
            with self._locked():
                if backup := self.ledger.migrate():
                    self._notify(
                        f"The store was of an earlier format and has been brought to this one; the old ledger is kept as {backup}."
                    )
        self._embedder = embedder
        self._vectors: VectorIndex | None = None
        self._lexical: LexicalIndex | None = None
        # Of each index, the generation that is open here.
        self._seen: dict[str, int] = {}
        self._whole: tuple[int, int] | None = None

    def close(self) -> None:
        """Release files and indexes."""
        self.drop_indexes()
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
        with self._locked():
            self.ledger.map_file(False)
            try:
                yield
            finally:
                self.ledger.map_file(True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK)
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._notify(f"Waiting for {self._writer()}, at most {self.settings.lock_timeout:g} s.")
                lock.acquire(timeout=self.settings.lock_timeout)
        except Timeout:
            raise StoreBusyError(
                f"{self.path}: {self._writer()} is writing to this store.", "Wait for it to end, then run the same again."
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.path}: the store cannot be written ({error.strerror}).", "Check its permissions and the disk."
            ) from None
        try:
            with contextlib.suppress(OSError):
                (self.path / _WRITER).write_text(str(os.getpid()), encoding="ascii")
            yield
        finally:
            with contextlib.suppress(OSError):
                (self.path / _WRITER).unlink()
            lock.release()

    def _writer(self) -> str:
        try:
            return f"another process ({int((self.path / _WRITER).read_text(encoding='ascii'))})"
        except (OSError, ValueError):
            return "another process"

    @property
    def embedder(self) -> Embedder:
        """The embedder that made the store; for a new store, the one the settings name.

        Raises:
            EmbedderError: it cannot be loaded, or the store was made with one that the settings do not name.
        """
        made_with = self.ledger.meta("embedder")
        if self._embedder is None and made_with in RETIRED_EMBEDDERS and self.settings.embedder == BUILTIN_EMBEDDER:
            raise EmbedderError(
                f"{self.path}: an earlier version made this store, with the embedder {made_with}; this version ships {BUILTIN_EMBEDDER}.",
                f"Embed its abstracts anew, on this machine: assistant reembed --store {self.path}",
            )
        if self._embedder is None:
            # The shipped one sends nothing anywhere, so a store made with it needs no say-so.
            self._embedder = shipped_embedder() if made_with == BUILTIN_EMBEDDER else load_embedder(self.settings)
        if made_with and made_with != self._embedder.name:
            raise EmbedderError(
                f"{self.path}: this store was made with the embedder {made_with}, the settings name {self._embedder.name}.",
                "Name that one (assistant config set embedder NAME), or embed all anew: assistant reembed",
            )
        return self._embedder

    def use_embedder(self, embedder: Embedder) -> None:
        """Embed with another from now on; the ledger must say so already."""
        self._embedder = embedder

    @property
    def vectors(self) -> VectorIndex:
        """The vector index, opened again when another process has changed it.

        Raises:
            StoreError: it cannot be opened, or is not where the settings say.
        """
        if self._changed("vector"):
            self._drop_vectors()
        if self._vectors is None:
            url = self.settings.chroma_url or ""
            home = self.ledger.meta("vector_home")
            if home is None:
                home = "" if self.ledger.marked("chunk") else url
                with self.ledger.transaction():
                    self.ledger.set_meta("vector_home", home)
                    if home:
                        self.ledger.set_meta("collection", _collection_name())
            if home != url:
                where = f"the Chroma server {home}" if home else "its own folder"
                raise StoreError(
                    f"{self.path}: the vectors of this store are in {where}, the settings name {url or 'its own folder'}.",
                    f"Bring them there: assistant doctor --repair; or: assistant config {f'set chroma_url {home}' if home else 'unset chroma_url'}",
                )
            self._vectors = self.open_vectors(self.vector_path, self.collection)
        return self._vectors

    def open_vectors(self, folder: Path, collection: str) -> VectorIndex:
        """Open a vector index where the settings say: the store's own, or one being made beside it."""
        variable = self.settings.chroma_token_env
        token = os.environ.get(variable, "") if variable else ""
        return VectorIndex(folder, url=self.settings.chroma_url, token=token, collection=collection)

    @property
    def lexical(self) -> LexicalIndex:
        """The lexical index, opened again when another process has changed it."""
        if self._changed("lexical"):
            self._lexical = None
        if self._lexical is None:
            self._lexical = LexicalIndex(self.lexical_path)
        return self._lexical

    def require_whole(self) -> None:
        """Make sure that the indexes hold at least what the ledger says they do: a deleted one would answer with nothing.

        Raises:
            StoreError: one of them lost entries.
        """
        now = (self.ledger.generation("vector"), self.ledger.generation("lexical"))
        if self._whole == now:
            return
        for name, held, marked in (
            ("vector", self.vectors.count(), self.ledger.marked("chunk")),
            ("lexical", self.lexical.count(), self.ledger.marked("entry")),
        ):
            if held < marked:
                raise StoreError(
                    f"{self.path}: the {name} index holds {held} of {marked}.", "Rebuild it from the ledger: assistant doctor --repair"
                )
        self._whole = now

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
    def collection(self) -> str:
        """Name of the vector index's collection."""
        return self.ledger.meta("collection") or COLLECTION

    def new_place(self) -> tuple[Path, str]:
        """Folder and collection for a vector index that is to take the place of the present one."""
        return self.path / f"chroma.{self._number('chroma')}", _collection_name() if self.settings.chroma_url else COLLECTION

    def _number(self, base: str) -> int:
        """One more than any folder of this name has; other folders are the user's own."""
        found = (re.fullmatch(rf"{base}(?:\.(\d+))?", path.name) for path in self.path.iterdir())
        return 1 + max((int(one[1] or 0) for one in found if one), default=0)

    def move_vectors(self, folder: Path, collection: str) -> None:
        """Say that the vector index is in a new place. Call inside a transaction."""
        self.ledger.set_meta("vector_folder", folder.name)
        self.ledger.set_meta("collection", collection)
        self.ledger.set_meta("vector_home", self.settings.chroma_url or "")

    def reset_index(self, kind: str) -> None:
        """Point the store at a new, empty index and delete the old one. Call inside :meth:`writing`.

        Args:
            kind: ``vector`` or ``lexical``.
        """
        old = self.vector_path if kind == "vector" else self.lexical_path
        held = self.held_collection()
        with self.ledger.transaction():
            if kind == "vector":
                self.move_vectors(*self.new_place())
                self.ledger.unmark("chunk")
            else:
                base = f"tantivy{ANALYSIS}"
                self.ledger.set_meta("lexical_folder", f"{base}.{self._number(base)}")
                self.ledger.unmark("entry")
            self.ledger.bump_generation(kind)
        self.drop_indexes()
        self.discard(old, held if kind == "vector" else None)

    def held_collection(self) -> str | None:
        """The collection that a server holds of this store, if any."""
        return self.collection if self.settings.chroma_url and self.ledger.meta("vector_home") == self.settings.chroma_url else None

    def discard(self, folder: Path, collection: str | None) -> None:
        """Delete an index that nothing points at any more: a folder, and a server's collection where one is named."""
        shutil.rmtree(folder, ignore_errors=True)
        if collection:
            # What cannot be deleted only takes room.
            with contextlib.suppress(StoreError):
                self.open_vectors(folder, collection).clear()

    def committed(self, kind: str) -> None:
        """Note that the open ``vector`` or ``lexical`` index already shows what has just been committed."""
        self._seen[kind] = self.ledger.generation(kind)

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

    def _changed(self, kind: str) -> bool:
        """Whether an index was changed by another process since it was looked at."""
        before, now = self._seen.get(kind), self.ledger.generation(kind)
        self._seen[kind] = now
        return before != now

    def drop_indexes(self) -> None:
        """Close both indexes; they are opened again when they are used."""
        self._drop_vectors()
        self._lexical = None

    def _drop_vectors(self) -> None:
        if self._vectors is not None:
            self._vectors.close()
        self._vectors = None


def _collection_name() -> str:
    """A name that no other store on the same server has."""
    return f"papers-{secrets.token_hex(6)}"
