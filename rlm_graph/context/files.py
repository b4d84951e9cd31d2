"""The files of a store: named by their hashes, written once, below one root.

A file that is there already is used again, and then its time is renewed, so that a sweep, which deletes by age, spares
it. `LocalFiles` and `ObjectFiles` say how far that holds while a sweep is under way.
"""

from __future__ import annotations

import contextlib
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar

from rlm_graph.context.ref import is_sha256
from rlm_graph.errors import ContextError, ContextTypeError

Folder: TypeAlias = Literal["blobs", "manifests", "snapshots"]

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a store."""

    path: str
    bytes: int

    time: float
    """When it was written or renewed: seconds since the epoch by the store's clock; infinite where it tells none."""

    @property
    def name(self) -> str:
        """Its last part: the hash."""
        return self.path.rpartition("/")[2]


class Files(ABC):
    """Files under their hashes; every path is made from a hash that was checked, so none leads out of the root.

    Raises:
        OSError: from any method, when the file system or the object store fails; those that write say it as a
            ContextError that names the store.
    """

    root: str
    """Without a protocol, as the paths are."""

    local: ClassVar[bool]
    """Whether they are files of this machine."""

    def path(self, folder: Folder, sha256: str) -> str:
        """Return where the file of this hash is, or would be.

        Raises:
            ContextTypeError: it is no hash.
        """
        if not is_sha256(sha256):
            raise ContextTypeError(f"a context's hash is 64 hex digits, not {str(sha256)[:80]!r}")
        return f"{self.root}/{folder}/{sha256[:2]}/{sha256}"

    def is_own(self, folder: Folder, path: str) -> bool:
        """Tell whether a path is one that :meth:`path` makes."""
        name = path.rpartition("/")[2]
        return is_sha256(name) and path == self.path(folder, name)

    @abstractmethod
    def url(self, path: str) -> str:
        """Return a path with its protocol."""

    @abstractmethod
    def find(self, path: str) -> Stored | None:
        """Look at a file; None if there is no such file."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """Return the whole content of a file."""

    @abstractmethod
    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield the content of a file in pieces."""

    @abstractmethod
    def write(self, folder: Folder, data: bytes, *, at_once: bool = True) -> str:
        """Write a small file under its hash; one that is there is renewed.

        Args:
            folder: Where.
            data: What.
            at_once: Whether it has reached the disk when this returns; else it will, a moment later.
        """

    @abstractmethod
    def keep(self, path: str, length: int) -> bool:
        """Renew a file that is to be used again; False if it is not there, or `length` is not its length in bytes."""

    @abstractmethod
    def copy_blob(self, source: Files, sha256: str, length: int) -> None:
        """Copy a blob from another store, comparing its hash; one that is here is renewed.

        Raises:
            ContextNotFoundError: it is not there.
            ContextError: it is corrupt.
        """

    @abstractmethod
    def make_once(self, name: str, data: bytes) -> bytes:
        """Make a file below the root, for its owner's eyes only; return what is in it, if another was first."""

    @abstractmethod
    def stored(self, folder: Folder) -> Iterator[Stored]:
        """Yield what is in a folder under its hash; nothing else that may be there."""

    @abstractmethod
    def leftovers(self) -> Iterator[Stored]:
        """Yield what writers and sweeps that were killed may have left."""

    @abstractmethod
    def delete(self, files: Iterable[Stored], *, until: float) -> Iterator[Stored]:
        """Delete files, but those whose time is after `until` by now; yield what was deleted."""

    @abstractmethod
    def each(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """Call a function that reads or writes for each item, several at a time where each call waits for a server."""

    @contextlib.contextmanager
    def clear_errors(self, what: Literal["read", "written"]) -> Iterator[None]:
        """Say which store it is that cannot be read or written, and what to do."""
        try:
            yield
        except OSError as error:
            advice = _advice(error) if what == "written" else ""
            raise ContextError(f"the store {self.url(self.root)} cannot be {what}: {reason(error)}{advice}") from error


def missing_blob(path: str) -> str:
    """Return what to say of a blob that is not there."""
    return f"a part of the context is missing: no blob {path}; put the context again"


def corrupt_blob(path: str) -> str:
    """Return what to say of a blob whose hash differs."""
    return f"the blob {path} is corrupt: its hash differs; put the context again"


def reason(error: OSError) -> str:
    """Return the error's name and words: `ENOSPC No space left on device`."""
    return (errno.errorcode.get(error.errno or 0, "") + " " + (error.strerror or str(error))).strip()


_ANOTHER = "choose another store (RLM_GRAPH_STORE)"
_ADVICE = {
    (errno.ENOSPC, errno.EDQUOT): f"free some space, or {_ANOTHER}",
    (errno.EFBIG,): "raise the limit on the size of files (ulimit -f)",
    (errno.EACCES, errno.EPERM, errno.EROFS): f"{_ANOTHER}, or get the right to write there",
    (errno.ENOTDIR, errno.EEXIST): f"a part of its path is a file; {_ANOTHER}",
}


def _advice(error: OSError) -> str:
    number = errno.EACCES if isinstance(error, PermissionError) else error.errno  # object stores give no number
    return next((f"; {advice}" for numbers, advice in _ADVICE.items() if number in numbers), "")


def in_batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Yield lists of at most `size` items."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
