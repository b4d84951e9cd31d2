"""The files of a store in a local folder.

A sweep beside writers is safe. Whoever uses a file again, or puts one in its place, holds the store's lock together
with others, and renews the file's time; a sweep holds it alone while it looks at a file's time once more and deletes
it. So a file is either kept, or gone before anybody decided to use it. The lock is a `flock` of `<root>/lock`, which
ends with its process; on NFS it holds where the server does locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from typing_extensions import override

from rlm_graph.context.files import Files, Folder, Stored, T, U, corrupt_blob, in_batches, missing_blob
from rlm_graph.context.flusher import flush, flusher
from rlm_graph.context.materialize import CHUNK_BYTES
from rlm_graph.errors import ContextError, ContextNotFoundError

DELETED_AT_ONCE: Final = 256
"""Files that a sweep deletes before it lets writers have the lock: a few milliseconds."""


class LocalFiles(Files):
    """Files below a folder; a file appears under its name whole or not at all.

    Args:
        root: The folder; it is made when it is needed.
        durable: Whether a file and its name are on the disk when it has been written.
    """

    local = True

    def __init__(self, root: str | Path, *, durable: bool) -> None:
        self.root = str(Path(root).absolute())
        self.durable = durable

    @override
    def url(self, path: str) -> str:
        return f"file://{path}"

    @override
    def find(self, path: str) -> Stored | None:
        try:
            status = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Stored(path, status.st_size, status.st_mtime)

    @override
    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    @override
    def chunks(self, path: str) -> Iterator[bytes]:
        with Path(path).open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    @override
    def write(self, folder: Folder, data: bytes, *, at_once: bool = True) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(folder, sha256)
        if not (self.is_whole(path) and self.keep(path, len(data))):
            with Sink(self) as sink:
                sink.write(data)
                sink.commit(folder, at_once=at_once)
        return sha256

    @override
    def keep(self, path: str, length: int) -> bool:
        with self.clear_errors("written"):
            if self.find(path) is None:  # nothing is made in a store that is only asked
                return False
            with self.lock(fcntl.LOCK_SH):
                return self.renewed(path, length)

    def is_whole(self, path: str) -> bool:
        """Tell whether a file is there with the content that its name promises: a damaged one must not be kept."""
        try:
            with Path(path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == Path(path).name
        except OSError:  # it is not there, or the disk has lost it
            return False

    def renewed(self, path: str, length: int) -> bool:
        """Renew a file, as `keep` does, for somebody who holds the lock."""
        found = self.find(path)
        if found is None or found.bytes != length:
            return False
        try:
            os.utime(path)
        except PermissionError:  # another user's, which this one may replace and not change
            return False
        return True

    @override
    def copy_blob(self, source: Files, sha256: str, length: int) -> None:
        if self.keep(self.path("blobs", sha256), length):
            return
        path = source.path("blobs", sha256)
        try:
            with Sink(self) as sink:
                for chunk in source.chunks(path):
                    sink.write(chunk)
                if sink.digest.hexdigest() != sha256:
                    raise ContextError(corrupt_blob(path))
                sink.commit("blobs")
        except FileNotFoundError as error:
            raise ContextNotFoundError(missing_blob(path)) from error

    @override
    def make_once(self, name: str, data: bytes) -> bytes:
        path = Path(self.root, name)
        with self.clear_errors("written"), Sink(self, mode=0o600) as sink:
            sink.write(data)
            sink.flush()
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(sink.path, path)
            self.make_durable(path.parent)
        return path.read_bytes()

    @override
    def stored(self, folder: Folder) -> Iterator[Stored]:
        for shard in _entries(f"{self.root}/{folder}"):
            if shard.is_dir():
                yield from (file for file in _files(shard.path) if self.is_own(folder, file.path))

    @override
    def leftovers(self) -> Iterator[Stored]:
        return (file for file in _files(f"{self.root}/incoming") if file.name.startswith(Sink.PREFIX))

    @override
    def delete(self, files: Iterable[Stored], *, until: float) -> Iterator[Stored]:
        for batch in in_batches(files, DELETED_AT_ONCE):
            deleted = []
            with self.clear_errors("written"), self.lock(fcntl.LOCK_EX):
                for file in batch:
                    found = self.find(file.path)
                    if found is not None and found.time <= until:
                        Path(found.path).unlink()
                        deleted.append(found)
            yield from deleted

    @override
    def each(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        return map(function, items)

    @contextlib.contextmanager
    def lock(self, operation: int) -> Iterator[None]:
        """Hold the store's lock, together with others (`LOCK_SH`) or alone (`LOCK_EX`); the root must be there."""
        access = os.O_RDONLY if operation == fcntl.LOCK_SH else os.O_RDWR
        # Opened each time: threads that share an open file share its lock.
        lock = os.open(f"{self.root}/lock", access | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, operation)
            yield
        finally:
            os.close(lock)

    def make_durable(self, folder: Path) -> None:
        """Bring the names in a folder to the disk."""
        if self.durable:
            flush(folder)


class Sink:
    """A file whose name is known only at its end: written aside, hashed on the way, then moved into place.

    Raises:
        ContextError: from any method, when the store cannot be written.
    """

    PREFIX: Final = "rlm-graph-"

    def __init__(self, files: LocalFiles, *, mode: int = 0o666) -> None:
        self.digest = hashlib.sha256()
        self.length = 0
        # Beside the blobs, for the move must not cross file systems.
        self.path = Path(f"{files.root}/incoming", f"{self.PREFIX}{secrets.token_hex(8)}")
        self._files = files
        with files.clear_errors("written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            self._file: IO[bytes] = os.fdopen(opened, "wb", buffering=0)

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.digest.update(data)
        self.length += len(data)
        with self._files.clear_errors("written"):
            view = memoryview(data)
            while view:  # a raw file may take less than it is given
                view = view[self._file.write(view) :]

    def flush(self) -> None:
        """Bring the bytes to the disk."""
        if self._files.durable:
            os.fsync(self._file.fileno())

    def commit(self, folder: Folder, *, at_once: bool = True) -> str:
        """Move the file to its name, unless the same content is there already; one that was damaged is replaced.

        Args:
            folder: Where.
            at_once: Whether it has reached the disk when this returns; else it will, a moment later.
        """
        sha256 = self.digest.hexdigest()
        target = Path(self._files.path(folder, sha256))
        if self._files.is_whole(str(target)) and self._files.keep(str(target), self.length):
            return sha256
        with self._files.clear_errors("written"):
            if at_once:
                self.flush()
            self._file.close()
            made = not target.parent.exists()
            target.parent.mkdir(parents=True, exist_ok=True)
            os.utime(self.path)  # what was written long ago is in use from now on
            with self._files.lock(fcntl.LOCK_SH):
                self.path.replace(target)
            folders = [target.parent, target.parent.parent] if made else [target.parent]
            if at_once:
                for each in folders:
                    self._files.make_durable(each)
            elif self._files.durable:
                flusher.add([target, *folders])
        return sha256


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: str) -> Iterator[Stored]:
    for entry in _entries(folder):
        if entry.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):  # deleted or moved since the folder was listed
                status = entry.stat(follow_symlinks=False)
                yield Stored(entry.path, status.st_size, status.st_mtime)
