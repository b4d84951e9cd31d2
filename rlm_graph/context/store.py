"""The content-addressed store: every text once, under its hash, in a local folder or an object store.

    <root>/blobs/aa/<sha256>        UTF-8, lone surrogates passed through: one long text, or short ones end to end
    <root>/manifests/aa/<sha256>    JSON: the kind, names and metadata of a context, and which blobs hold its texts
    <root>/snapshots/aa/<sha256>    the states of REPLs, with more blobs: see `repl/snapshot_store.py`
    <root>/incoming/                files that are being written

A long text has a blob of its own, so that the same file in two folders is stored once. Short texts share
blobs, so that 100,000 lines are a handful of files; they are deduplicated when the whole run of short texts
is the same. A file's time is in none of it: the same content is the same context. It says only when the file was
last put, for :meth:`ContextStore.sweep`, which deletes what is old and not needed.

Covered: a name that comes from a state is a hash or is refused, so nothing outside the root is opened; a
blob appears under its name whole or not at all; what is read is compared with its hash.
Not covered: who may read the root (the umask, or the bucket's policy, decides).
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import glob
import json
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Protocol, runtime_checkable

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from rlm_graph.context import sweep
from rlm_graph.context.document import Document
from rlm_graph.context.files import Files, missing_blob
from rlm_graph.context.local_files import LocalFiles
from rlm_graph.context.materialize import patched, read_manifest
from rlm_graph.context.object_files import ObjectFiles, file_system
from rlm_graph.context.ref import SHOWN_NAMES, ContextKind, ContextRef
from rlm_graph.context.values import JSONText, shape
from rlm_graph.context.writer import ContextWriter
from rlm_graph.errors import (
    ConfigError,
    ContextEmptyError,
    ContextError,
    ContextNotFoundError,
    ContextTypeError,
    MissingExtraError,
)

# What document loaders put into metadata, and what has one spelling as text.
_TEXTUAL = (datetime.date, datetime.time, decimal.Decimal, uuid.UUID, PurePath)


@runtime_checkable
class _LangChainDocument(Protocol):
    """What is asked of a LangChain document; it is not imported for that."""

    page_content: str
    metadata: dict[str, Any]


class ContextStore:
    """Contexts under their hashes, below one root.

    Args:
        root: a local folder, which is made when it is needed, or the URL of a place in an object store, for which
            fsspec has a driver (``s3://bucket/prefix``). Several hosts may use it at once.
        durable: flush each file and its name to the disk, so that a reference in a checkpoint outlives a power
            failure: contexts before they are referred to, snapshots a fraction of a second later. Only local folders
            need it.

    Raises:
        ConfigError: the URL cannot be one of a store.
        MissingExtraError: its driver is not installed.
    """

    def __init__(self, root: str | Path, *, durable: bool = True) -> None:
        self.files = _open(root, durable=durable)

    def __repr__(self) -> str:
        return f"ContextStore({self.root!r})"

    @property
    def root(self) -> str:
        """The root as a URL."""
        return self.files.url(self.files.root)

    @classmethod
    def temporary(cls) -> ContextStore:
        """Make a store in a temporary folder, which goes when the store is collected or the process ends."""
        folder = Path(tempfile.mkdtemp(prefix="rlm-graph-"))
        store = cls(folder, durable=False)
        weakref.finalize(store, _remove, folder, os.getpid())
        return store

    def put(self, context: object) -> ContextRef:
        """Store a context and return the reference to it.

        A ``str`` is always the text itself; only a ``pathlib.Path`` names a file or folder. A
        :class:`ContextRef` whose context is not here is copied from its ``uri``: pass one that your own code
        made, never one from a request (for those there is :meth:`open`).

        Args:
            context: ``str``, ``list[str]``, JSON-like ``dict`` or ``list``, a list of documents (LangChain's
                or :class:`Document`), ``pathlib.Path``, or :class:`ContextRef`.

        Raises:
            ContextTypeError: a value of another type; the message names its place.
            ContextEmptyError: there are no characters in it.
            ContextError: the store cannot be written.
        """
        match context:
            case ContextRef():
                return self._put_ref(context)
            case Path():
                from rlm_graph.context.load import load_context

                return load_context(context, store=self)
            case str():
                writer = self.writer()
                writer.add_text(context)
                name = context.name if isinstance(context, Document) else ""
                return self.open(writer.finish("str", names=[name] if name else None))
            case Mapping():
                return self._put_value(context, "dict")
            case list() | tuple() if all(isinstance(item, _LangChainDocument | Document) for item in context):
                return self._put_documents(context)
            case list() | tuple() if all(isinstance(item, str) for item in context):
                writer = self.writer()
                for text in context:
                    writer.add_text(text)
                return self.open(writer.finish("list[str]"))
            case list() | tuple():
                return self._put_value(context, "list")
        hint = {"bytes": ": decode them", "generator": ": make a list of it"}.get(type(context).__name__, "")
        raise ContextTypeError(
            f"context: a value of type {type(context).__name__} is no context{hint}; "
            f"it is a str, list[str], dict, list, list of documents, pathlib.Path or ContextRef"
        )

    def open(self, sha256: str) -> ContextRef:
        """Return the reference to a context that is here; this, not a state, says what it is.

        Raises:
            ContextTypeError: `sha256` is no hash.
            ContextNotFoundError: the context is not in this store.
            ContextError: its manifest is corrupt.
        """
        manifest = self._manifest(sha256)
        return ContextRef(
            uri=self.files.url(self.files.path("manifests", sha256)),
            sha256=sha256,
            kind=manifest["kind"],
            items=manifest["items"],
            chars=manifest["chars"],
            bytes=manifest["bytes"],
            prefix=manifest["prefix"],
            shape=manifest["shape"],
            names=tuple(manifest["names"][:SHOWN_NAMES]),
            skipped=tuple(manifest["skipped"]),
            skipped_count=manifest["skipped_count"],
        )

    def local_manifest(self, ref: ContextRef) -> Path:
        """Return a local file for ``materialize.load``: the manifest, with its blobs beside it.

        The context of an object store is copied into this process's temporary store first, unless it was put or
        copied there before. On a local disk the blobs' lengths are looked at here; their hashes are compared when
        they are loaded.

        Raises:
            ContextNotFoundError: the context, or a part of it, is not in this store.
            ContextError: a part of it is corrupt.
        """
        if not isinstance(self.files, LocalFiles):
            copies = process_store()
            with contextlib.suppress(ContextError):
                return copies.local_manifest(ref)
            self.copy_to(copies, ref.sha256)
            return copies.local_manifest(ref)
        for sha256, sizes in self._manifest(ref.sha256)["blobs"]:
            path = self.files.path("blobs", sha256)
            with self.files.clear_errors("read"):
                found = self.files.find(path)
            if found is None:
                raise ContextNotFoundError(missing_blob(path))
            if found.bytes != sum(sizes):
                raise ContextError(
                    f"the blob {path} is corrupt: {found.bytes:,} bytes in place of {sum(sizes):,}; "
                    f"put the context again"
                )
        return Path(self.files.path("manifests", ref.sha256))

    def copy_to(self, other: ContextStore, sha256: str) -> None:
        """Copy a context to another store: its blobs, comparing their hashes on the way, then its manifest.

        Raises:
            ContextNotFoundError: the context, or a part of it, is not in this store.
            ContextError: a part of it is corrupt, or the other store cannot be written.
        """
        if isinstance(self.files, ObjectFiles) and isinstance(other.files, ObjectFiles):
            self.copy_to(process_store(), sha256)
            process_store().copy_to(other, sha256)
            return
        data = self._manifest_bytes(sha256)
        lengths = {blob: sum(sizes) for blob, sizes in read_manifest(data, sha256)["blobs"]}
        remote = self.files if isinstance(self.files, ObjectFiles) else other.files
        with self.files.clear_errors("read"):
            _all(remote.each(lambda blob: other.files.copy_blob(self.files, *blob), lengths.items()))
        other.files.write("manifests", data)

    def renew(self, sha256: str) -> None:
        """Keep a context that is here, and that nothing refers to yet, from a sweep: from now on it is young.

        Raises:
            ContextNotFoundError: the context, or a part of it, is not in this store.
            ContextError: its manifest is corrupt, or the store cannot be written.
        """
        data = self._manifest_bytes(sha256)
        lengths = {blob: sum(sizes) for blob, sizes in read_manifest(data, sha256)["blobs"]}

        def renew(blob: tuple[str, int]) -> None:
            if not self.files.keep(path := self.files.path("blobs", blob[0]), blob[1]):
                raise ContextNotFoundError(missing_blob(path))

        _all(self.files.each(renew, lengths.items()))
        self.files.write("manifests", data)

    def remove(
        self,
        contexts: Collection[str],
        snapshots: Collection[str],
        *,
        kept_contexts: Collection[str],
        kept_snapshots: Collection[str],
        contexts_older_than_s: float = 0,
        snapshots_older_than_s: float = sweep.SAFE_AGE_S,
    ) -> sweep.Swept:
        """Delete these contexts and snapshots, with what only they need: not what is kept, nor all else that is here.

        In a local folder, a context that is put again while this is under way is safe. One that was put before, and
        that nothing refers to yet, is not: whoever puts a context must make sure, when something refers to it, that
        it is still there (:meth:`renew`). In an object store, where what is young is used again as it is, only age
        tells that nobody is about to refer to it.

        Args:
            contexts: sha256 of the contexts to delete.
            snapshots: ids of the snapshots to delete.
            kept_contexts: what others refer to.
            kept_snapshots: likewise.
            contexts_older_than_s: age in seconds from which contexts are deleted.
            snapshots_older_than_s: age in seconds from which snapshots are deleted; 0 where nobody runs cells.

        Returns:
            How much was deleted, as :meth:`sweep` does.

        Raises:
            ContextError: the store cannot be read or written.
        """
        return sweep.remove(
            self.files,
            contexts,
            snapshots,
            kept_contexts=kept_contexts,
            kept_snapshots=kept_snapshots,
            contexts_older_than_s=contexts_older_than_s,
            snapshots_older_than_s=snapshots_older_than_s,
        )

    def sweep(
        self,
        contexts: Collection[str],
        snapshots: Collection[str],
        *,
        older_than_s: float = sweep.SAFE_AGE_S,
        dry: bool = False,
    ) -> sweep.Swept:
        """Delete what nothing refers to: all but these contexts and snapshots, what they need, and what is young.

        A snapshot needs its packs and its context, a context its blobs. Files that are not the store's own stay. The
        order is such that a sweep that is killed leaves a store that works: first what refers to other files, then
        those.

        A sweep may run beside runs. A file that is put, or put again, while it is under way is safe: in a local folder
        by a lock, in an object store by a notice (`local_files.py` and `object_files.py` say how, and what is not
        covered: two sweeps at once over an object store). What is put is young, which has to last until something
        refers to it: `older_than_s` must be more than the longest time from the first text of a put to the moment in
        which a run's journal names the context, or from a cell to the one that names its snapshot. A put that takes
        longer fails at its end, saying so. An hour is enough for most. 0 is for a store that nobody uses: it takes
        what another process is just writing, too.

        Args:
            contexts: sha256 of the contexts to keep; what is no hash is passed over.
            snapshots: ids of the snapshots to keep, in the same way.
            older_than_s: age in seconds, by the time of the file in the store, from which things are deleted.
            dry: delete nothing; the figures are the same.

        Returns:
            How much was deleted, and notes on what is missing or damaged: if it is unknown what something needs, then
            no context and no blob is deleted.

        Raises:
            ConfigError: `older_than_s` is negative or no number.
            ContextError: the store cannot be read or written.
        """
        return sweep.sweep(self.files, contexts, snapshots, older_than_s=older_than_s, dry=dry)

    def snapshots_over(self, contexts: Mapping[str, float], besides: Collection[str] = ()) -> set[str]:
        """Return the ids of the snapshots of REPLs over some contexts, that are not older than that.

        A sweep and a removal must leave what runs may have put that go on, or were broken off
        (:meth:`Journal.unsettled`).

        Args:
            contexts: sha256 of the contexts, with a time in seconds since 1970 from which on snapshots were put; the
                clocks that tell it may differ by an hour.
            besides: ids of snapshots that need not be looked at.

        Raises:
            ContextError: the store cannot be read.
        """
        return sweep.snapshots_over(self.files, contexts, besides)

    def size(self, contexts: Collection[str], snapshots: Collection[str]) -> int:
        """Return how many bytes these contexts and snapshots take, with all that they need, each file counted once.

        What is missing or damaged takes what is there of it.

        Raises:
            ContextError: the store cannot be read.
        """
        return sweep.size(self.files, contexts, snapshots)

    def writer(self) -> ContextWriter:
        """Begin a context that is written text by text; :meth:`open` takes what its ``finish`` returns.

        For an object store it is written into this process's temporary store, which loads it too, and uploaded.
        """
        if isinstance(self.files, LocalFiles):
            return ContextWriter(self.files)
        copies = process_store()
        assert isinstance(copies.files, LocalFiles)
        return ContextWriter(copies.files, lambda sha256: copies.copy_to(self, sha256))

    def _put_documents(self, documents: list[Any] | tuple[Any, ...]) -> ContextRef:
        writer = self.writer()
        names, metadata = [], []
        for index, document in enumerate(documents):
            if isinstance(document, Document):
                text, facts, name = str(document), document.metadata, document.name
            else:
                text, facts = document.page_content, dict(document.metadata)
                name = str(facts.get("source") or facts.get("name") or facts.get("title") or f"document {index}")
            if not isinstance(text, str):
                raise ContextTypeError(f"context[{index}].page_content: {type(text).__name__} in place of str")
            writer.add_text(text)
            names.append(name)
            metadata.append(_plain(facts, f"context[{index}].metadata"))
        return self.open(writer.finish("documents", names=names, metadata=metadata))

    def _put_value(self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], kind: ContextKind) -> ContextRef:
        if not value:
            raise ContextEmptyError(f"the context is an empty {kind}")
        writer = self.writer()
        written = JSONText(value)
        with writer.item() as item:
            for piece in written.pieces():
                item.write_text(piece)
        for text in written.texts:
            writer.add_text(text)
        return self.open(writer.finish(kind, items=len(value), patches=written.patches, shape=shape(value)))

    def _put_ref(self, ref: ContextRef) -> ContextRef:
        try:
            self.renew(ref.sha256)
        except ContextNotFoundError:
            root, found, _ = ref.uri.rpartition("/manifests/")
            if not found:
                raise ContextNotFoundError(
                    f"no context {ref.sha256} in {self.root}, and {ref.uri!r} names no store"
                ) from None
            ContextStore(root).copy_to(self, ref.sha256)
        return self.open(ref.sha256)

    def _manifest(self, sha256: str) -> dict[str, Any]:
        return read_manifest(self._manifest_bytes(sha256), sha256)

    def _manifest_bytes(self, sha256: str) -> bytes:
        path = self.files.path("manifests", sha256)
        with self.files.clear_errors("read"):
            try:
                return self.files.read(path)
            except FileNotFoundError as error:
                raise ContextNotFoundError(
                    f"no context {sha256} in the store {self.root}: it was deleted, or put into another store"
                ) from error


def process_store() -> ContextStore:
    """Return the temporary store that this process shares, made when it is first asked for."""
    global _process_store
    with _process_store_lock:
        if _process_store is None or _process_store[0] != os.getpid():
            _process_store = os.getpid(), ContextStore.temporary()
        return _process_store[1]


_process_store: tuple[int, ContextStore] | None = None
_process_store_lock = threading.Lock()


def _open(root: str | Path, *, durable: bool) -> Files:
    if isinstance(root, Path) or "://" not in root:
        return LocalFiles(Path(root).expanduser(), durable=durable)
    try:
        fs, path = file_system(root)
    except MissingExtraError as error:
        raise MissingExtraError(f"the store {root} cannot be opened: {error}") from error
    except ValueError as error:
        raise ConfigError(f"store: {root!r} is not allowed: {error}") from error
    if isinstance(fs, LocalFileSystem):
        return LocalFiles(path, durable=durable)
    if not path.strip("/") or glob.has_magic(path):
        raise ConfigError(f"store: {root!r} is not allowed: it must name a bucket, and a prefix without wildcards")
    return ObjectFiles(fs, path)


def _all(done: Iterable[None]) -> None:
    collections.deque(done, maxlen=0)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a fork inherits the finalizer; the folder is its parent's
        shutil.rmtree(folder, ignore_errors=True)


def _plain(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a document's metadata as it will be read from the manifest, or name the value that cannot be kept."""
    written = JSONText(
        {key: str(fact) if isinstance(fact, _TEXTUAL) else fact for key, fact in facts.items()}, name=name
    )
    text = "".join(written.pieces())
    if any(kind == "int" for _, kind in written.patches):
        raise ContextTypeError(f"{name} holds an integer of more than 12,000 bits")
    plain: dict[str, Any] = patched(json.loads(text), written.patches, iter(written.texts))
    return plain
