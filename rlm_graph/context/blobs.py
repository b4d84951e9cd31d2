"""The files of a store: named by their hashes, written once, below one root that fsspec opens."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

import fsspec  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from rlm_graph.context.materialize import CHUNK_BYTES
from rlm_graph.context.ref import is_sha256
from rlm_graph.errors import ContextError, ContextNotFoundError, ContextTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

Folder: TypeAlias = Literal["blobs", "manifests", "snapshots"]


class Files:
    """Files under their hashes; every path is made from a hash that was checked, so none leads out of the root."""

    def __init__(self, root: str | Path, *, durable: bool) -> None:
        self.fs, path = fsspec.core.url_to_fs(os.fspath(root))
        self.local = isinstance(self.fs, LocalFileSystem)
        self.root: str = path.rstrip("/")
        self.durable = durable

    def url(self, path: str) -> str:
        """Return a path with its protocol."""
        return str(self.fs.unstrip_protocol(path))

    def path(self, folder: Folder, sha256: str) -> str:
        """Return where the file of this hash is, or would be.

        Raises:
            ContextTypeError: it is no hash.
        """
        if not is_sha256(sha256):
            raise ContextTypeError(f"a context's hash is 64 hex digits, not {str(sha256)[:80]!r}")
        return f"{self.root}/{folder}/{sha256[:2]}/{sha256}"

    def length(self, path: str) -> int | None:
        """Return a file's length in bytes; None if there is no such file."""
        try:
            return Path(path).stat().st_size if self.local else int(self.fs.size(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, folder: Folder, data: bytes) -> str:
        """Write a small file under its hash, unless it is there."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self.length(self.path(folder, sha256)) != len(data):
            with Sink(self) as sink:
                sink.write(data)
                sink.commit(folder)
        return sha256

    def copy_blob(self, source: Files, sha256: str) -> None:
        """Copy a blob from another store, comparing its hash.

        Raises:
            ContextNotFoundError: it is not there.
            ContextError: it is corrupt.
        """
        path = source.path("blobs", sha256)
        try:
            with source.fs.open(path, "rb") as file, Sink(self) as sink:
                while chunk := file.read(CHUNK_BYTES):
                    sink.write(chunk)
                if sink.digest.hexdigest() != sha256:
                    raise ContextError(f"the blob {path} is corrupt: its hash differs; put the context again")
                sink.commit("blobs")
        except FileNotFoundError as error:
            raise ContextNotFoundError(f"a part of the context is missing: no blob {path}") from error

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Say which store it is that cannot be written."""
        try:
            yield
        except OSError as error:
            raise ContextError(f"the store {self.url(self.root)} cannot be written: {reason(error)}") from error


class Sink:
    """A file whose name is known only at its end: written aside, hashed on the way, then moved into place."""

    def __init__(self, files: Files) -> None:
        self.digest = hashlib.sha256()
        self.length = 0
        self._files = files
        # Beside the blobs, for the move must not cross file systems; a remote store gets it from the local disk.
        self._folder = Path(f"{files.root}/incoming" if files.local else tempfile.gettempdir())
        self._path = self._folder / f"rlm-graph-{secrets.token_hex(8)}"
        with files.written():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self._path.open("xb", buffering=0)

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.digest.update(data)
        self.length += len(data)
        with self._files.written():
            view = memoryview(data)
            while view:  # a raw file may take less than it is given
                view = view[self._file.write(view) :]

    def commit(self, folder: Folder) -> str:
        """Move the file to its name, unless the same content is there already; a blob of a wrong length is replaced."""
        sha256 = self.digest.hexdigest()
        target = self._files.path(folder, sha256)
        with self._files.written():
            if self._files.length(target) == self.length:
                return sha256
            if self._files.durable and self._files.local:
                os.fsync(self._file.fileno())
            self._file.close()
            if self._files.local:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                self._path.replace(target)
            else:
                self._files.fs.put_file(str(self._path), target)
        return sha256


def reason(error: OSError) -> str:
    """Return the error's name and words: `ENOSPC No space left on device`."""
    return errno.errorcode.get(error.errno or 0, "") + " " + (error.strerror or str(error))
