"""Where REPLs' snapshots are kept: opaque bytes from workers, authenticated, beside the contexts.

A snapshot is a root, which a worker has encoded and only a worker decodes, and the blobs that the root names by their
hashes. The host stores both without looking into them. What a worker decodes decides what it becomes, so a root is
taken back only with the tag that this store's key gives it: whoever can write to the store, but has not the key,
cannot hand a worker a state that no cell made.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from rlm_graph.context.blobs import Files, Folder, reason
from rlm_graph.errors import ContextTypeError, REPLExecutionError

KEY_BYTES = 32
TAG_BYTES = 32


class SnapshotStore:
    """The snapshots in a store.

    Raises:
        REPLExecutionError: from any method, when a snapshot is missing, was changed, or cannot be written.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known_key: bytes | None = None

    def put_blob(self, sha256: str, data: bytes) -> None:
        """Keep a part of a snapshot under its hash; a worker that names a wrong one is not believed."""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise REPLExecutionError("a worker named a part of its snapshot wrongly")
        with self._clear_errors("written"):
            self._files.write("blobs", data)

    def put(self, root: bytes) -> str:
        """Keep a snapshot, whose blobs are here, and return its id: 64 hex digits, the same for the same state."""
        with self._clear_errors("written"):
            return self._files.write("snapshots", self._tag(root) + root)

    def root(self, snapshot: str) -> bytes:
        """The root of a snapshot, as a worker encoded it."""
        data = self._read("snapshots", snapshot)
        tag, root = data[:TAG_BYTES], data[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(root)):
            raise REPLExecutionError(f"the snapshot {snapshot} was not made with this store's key, and is refused")
        return root

    def blob(self, sha256: str) -> bytes:
        """A part of a snapshot."""
        return self._read("blobs", sha256)

    def has(self, snapshot: str) -> bool:
        """Whether a snapshot is here."""
        with contextlib.suppress(ContextTypeError):
            return self._files.length(self._files.path("snapshots", snapshot)) is not None
        return False

    def _read(self, folder: Folder, sha256: str) -> bytes:
        path = self._files.path(folder, sha256)
        with self._clear_errors("read"):
            try:
                data: bytes = self._files.fs.cat_file(path)
            except FileNotFoundError as error:
                raise REPLExecutionError(f"the REPL's snapshot is gone: there is no {path}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise REPLExecutionError(f"the REPL's snapshot is corrupt: {path} was changed")
        return data

    def _tag(self, root: bytes) -> bytes:
        return hmac.digest(self._key(), root, "sha256")

    def _key(self) -> bytes:
        """The store's key, made when the first snapshot is kept; on a local disk for its owner's eyes only."""
        if self._known_key is None:
            path = f"{self._files.root}/key"
            if not self._files.fs.exists(path):
                self._make_key(path)
            key: bytes = self._files.fs.cat_file(path)
            if len(key) != KEY_BYTES:
                raise REPLExecutionError(f"the store's key is damaged: {path} has {len(key)} bytes, not {KEY_BYTES}")
            self._known_key = key
        return self._known_key

    def _make_key(self, path: str) -> None:
        key = secrets.token_bytes(KEY_BYTES)
        if not self._files.local:
            self._files.fs.pipe_file(path, key)
            return
        aside = Path(f"{path}-{secrets.token_hex(8)}")
        aside.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - its mode
            file.write(key)
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the store's
            os.link(aside, path)
        aside.unlink()

    @contextlib.contextmanager
    def _clear_errors(self, what: str) -> Iterator[None]:
        """Say which store it is."""
        try:
            yield
        except OSError as error:
            url = self._files.url(self._files.root)
            raise REPLExecutionError(f"the store {url} cannot be {what}: {reason(error)}") from error
