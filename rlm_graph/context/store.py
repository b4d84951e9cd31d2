"""The content-addressed store: every text once, under its hash, in a local folder or wherever fsspec writes.

    <root>/blobs/aa/<sha256>        UTF-8, lone surrogates passed through: one long text, or short ones end to end
    <root>/manifests/aa/<sha256>    JSON: the kind, names and metadata of a context, and which blobs hold its texts

A long text has a blob of its own, so that the same file in two folders is stored once. Short texts share
blobs, so that 100,000 lines are a handful of files; they are deduplicated when the whole run of short texts
is the same. A file's time is in none of it: the same content is the same context.

Covered: a name that comes from a state is a hash or is refused, so nothing outside the root is opened; a
blob appears under its name whole or, on a local disk, not at all; what is read is compared with its hash.
Not covered: who may read the root (the umask decides), and forgetting: nothing is ever deleted, except a
temporary store.
"""

from __future__ import annotations

import datetime
import decimal
import json
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Protocol, runtime_checkable

import platformdirs

from rlm_graph.context.blobs import Files, reason
from rlm_graph.context.document import Document
from rlm_graph.context.materialize import patched, read_manifest
from rlm_graph.context.ref import SHOWN_NAMES, ContextKind, ContextRef
from rlm_graph.context.values import JSONText, shape
from rlm_graph.context.writer import ContextWriter
from rlm_graph.errors import ContextEmptyError, ContextError, ContextNotFoundError, ContextTypeError

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
        root: a local folder, or a URL that fsspec opens (``s3://bucket/contexts``). It is made when it is needed.
        durable: flush each file to the disk before its name appears, so that a reference in a checkpoint outlives a
            power failure. Only local folders need it.
    """

    def __init__(self, root: str | Path, *, durable: bool = True) -> None:
        self.files = Files(root, durable=durable)

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

        A remote store's context is copied into this process's temporary store first. On a local disk the
        blobs' lengths are looked at here; their hashes are compared when they are loaded.

        Raises:
            ContextNotFoundError: the context, or a part of it, is not in this store.
            ContextError: a part of it is corrupt.
        """
        if not self.files.local:
            cache = process_store()
            self.copy_to(cache, ref.sha256)
            return cache.local_manifest(ref)
        for sha256, sizes in self._manifest(ref.sha256)["blobs"]:
            path = self.files.path("blobs", sha256)
            length = self.files.length(path)
            if length is None:
                raise ContextNotFoundError(f"a part of the context is missing: no blob {path}; put the context again")
            if length != sum(sizes):
                raise ContextError(f"the blob {path} is corrupt: {length:,} bytes in place of {sum(sizes):,}")
        return Path(self.files.path("manifests", ref.sha256))

    def copy_to(self, other: ContextStore, sha256: str) -> None:
        """Copy a context to another store: its blobs, comparing their hashes on the way, then its manifest.

        Raises:
            ContextNotFoundError: the context, or a part of it, is not in this store.
            ContextError: a part of it is corrupt, or the other store cannot be written.
        """
        data = self._manifest_bytes(sha256)
        files = other.files
        for blob, sizes in read_manifest(data, sha256)["blobs"]:
            if files.length(files.path("blobs", blob)) != sum(sizes):
                files.copy_blob(self.files, blob)
        files.write("manifests", data)

    def writer(self) -> ContextWriter:
        """Begin a context that is written text by text; :meth:`open` takes what its ``finish`` returns."""
        return ContextWriter(self.files)

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
        if self.files.length(self.files.path("manifests", ref.sha256)) is None:
            root, found, _ = ref.uri.rpartition("/manifests/")
            if not found:
                raise ContextNotFoundError(f"no context {ref.sha256} in {self.root}, and {ref.uri!r} names no store")
            ContextStore(root).copy_to(self, ref.sha256)
        return self.open(ref.sha256)

    def _manifest(self, sha256: str) -> dict[str, Any]:
        return read_manifest(self._manifest_bytes(sha256), sha256)

    def _manifest_bytes(self, sha256: str) -> bytes:
        path = self.files.path("manifests", sha256)
        try:
            data: bytes = self.files.fs.cat_file(path)
        except FileNotFoundError as error:
            raise ContextNotFoundError(
                f"no context {sha256} in the store {self.root}: it was deleted, or put into another store"
            ) from error
        except OSError as error:
            raise ContextError(f"the store {self.root} cannot be read: {reason(error)}") from error
        return data


def default_home() -> Path:
    """Return the folder where rlm-graph keeps things: ``RLM_GRAPH_HOME``, else the user's data folder."""
    home = os.environ.get("RLM_GRAPH_HOME")
    return Path(home).expanduser() if home else platformdirs.user_data_path("rlm-graph")


def home_store() -> ContextStore:
    """Return the store below :func:`default_home`, which outlives the process; for the user's eyes only."""
    root = default_home() / "contexts"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ContextError(f"the store {root} cannot be made: {reason(error)}; set RLM_GRAPH_HOME") from error
    return ContextStore(root)


def process_store() -> ContextStore:
    """Return the temporary store that this process shares, made when it is first asked for."""
    global _process_store
    with _process_store_lock:
        if _process_store is None or _process_store[0] != os.getpid():
            _process_store = os.getpid(), ContextStore.temporary()
        return _process_store[1]


_process_store: tuple[int, ContextStore] | None = None
_process_store_lock = threading.Lock()


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
