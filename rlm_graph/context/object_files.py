"""The files of a store in an object store that several hosts share, through fsspec.

An object appears whole; there is no lock, and no delete "if it is still as old as that". So a sweep says before each
batch of deletions that it is under way (an object below `<root>/sweeping/`), looks at the times once more, deletes, and
takes the notice away. Whoever uses an old object again renews it first, then waits until the notices that it finds are
gone, and looks whether the object is still there. So a sweep has either seen the new time, or its deletion is noticed
and the object is written again. Objects younger than `renew_after_s` are used as they are: a sweep spares the young.

Covered: writers beside a sweep, also beside one that was killed in the middle (its notice is believed for
`notice_believed_s`, then taken away).
Not covered: two sweeps at once over one store; clocks of hosts and store that differ by more than `renew_after_s`; a
delete request that takes longer than `notice_believed_s - NOTICE_USED_S` to reach the store; stores that give old
listings. Parts of uploads that were broken off: let the bucket's own life-cycle rule delete those.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import fsspec  # type: ignore[import-untyped]
from typing_extensions import override

from rlm_graph.context.files import Files, Folder, Stored, T, U, corrupt_blob, in_batches, missing_blob
from rlm_graph.context.ref import is_sha256
from rlm_graph.errors import ContextError, ContextNotFoundError, MissingExtraError, RLMError

RENEW_AFTER_S: Final = 900.0
NOTICE_BELIEVED_S: Final = 180.0

NOTICE_USED_S: Final = 60.0
"""Seconds after which a sweep does not delete any more under a notice."""

REQUESTS_AT_ONCE: Final = 16
"""Requests that one operation makes at a time."""

_DELETED_AT_ONCE = 500  # objects, under one notice
_READ_BYTES = 16 << 20
_POLL_S = 0.2
_SETTLE_S = 2.0
_S3_COPIES_BYTES = 5 << 30  # more than that it copies in parts, which have no such option

# Backends name an object's time as their servers do.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


class ObjectFiles(Files):
    """Objects below a prefix.

    Args:
        fs: The fsspec file system, which must not cache what it lists: other hosts write there too.
        root: The prefix as the file system knows it, without a protocol.
        renew_after_s: Age in seconds from which an object that is used again is renewed.
        notice_believed_s: Seconds after which a notice is that of a sweep which was killed.
    """

    local = False

    def __init__(
        self,
        fs: Any,
        root: str,
        *,
        renew_after_s: float = RENEW_AFTER_S,
        notice_believed_s: float = NOTICE_BELIEVED_S,
    ) -> None:
        self.fs = fs
        self.root = root.rstrip("/")
        self.renew_after_s = renew_after_s
        self.notice_believed_s = notice_believed_s

    @override
    def url(self, path: str) -> str:
        return str(self.fs.unstrip_protocol(path))

    @override
    def find(self, path: str) -> Stored | None:
        with _one_kind_of_error():
            try:
                return _stored(path, self.fs.info(path))
            except FileNotFoundError:
                return None

    @override
    def read(self, path: str) -> bytes:
        with _one_kind_of_error():
            data: bytes = self.fs.cat_file(path)
        return data

    @override
    def chunks(self, path: str) -> Iterator[bytes]:
        found = self.find(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such object", path)
        for start in range(0, found.bytes, _READ_BYTES):
            with _one_kind_of_error():  # by ranges: in fsspec's memory file system all readers share one open file
                chunk: bytes = self.fs.cat_file(path, start=start, end=min(start + _READ_BYTES, found.bytes))
            yield chunk

    @override
    def write(self, folder: Folder, data: bytes, *, at_once: bool = True) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(folder, sha256)
        self._have(path, len(data), lambda: self.fs.pipe_file(path, data))
        return sha256

    @override
    def keep(self, path: str, length: int) -> bool:
        return self._have(path, length, None)

    @override
    def copy_blob(self, source: Files, sha256: str, length: int) -> None:
        path, local = self.path("blobs", sha256), source.path("blobs", sha256)

        def upload() -> None:
            digest = hashlib.sha256()
            try:
                for chunk in source.chunks(local):
                    digest.update(chunk)
            except FileNotFoundError as error:
                raise ContextNotFoundError(missing_blob(local)) from error
            if digest.hexdigest() != sha256:
                raise ContextError(corrupt_blob(local))
            self.fs.put_file(local, path)

        self._have(path, length, upload)

    @override
    def make_once(self, name: str, data: bytes) -> bytes:
        path = f"{self.root}/{name}"
        with self.clear_errors("written"):
            try:
                with _one_kind_of_error():
                    self.fs.pipe_file(path, data, mode="create")  # S3: If-None-Match
            except FileExistsError:
                pass  # another host was first
            except OSError:  # the store cannot do that, or its answer was lost
                if self.find(path) is None:
                    with _one_kind_of_error():
                        self.fs.pipe_file(path, data)
                time.sleep(_SETTLE_S)  # all who found nothing have written by then, and everybody reads the last one's
        return self.read(path)

    @override
    def stored(self, folder: Folder) -> Iterator[Stored]:
        return (file for file in self._below(folder) if self.is_own(folder, file.path))

    @override
    def leftovers(self) -> Iterator[Stored]:
        return (file for file in self._below("sweeping") if is_sha256(file.name))

    @override
    def delete(self, files: Iterable[Stored], *, until: float) -> Iterator[Stored]:
        for batch in in_batches(files, _DELETED_AT_ONCE):
            with self.clear_errors("written"), _one_kind_of_error(), self._notice() as placed:
                found = list(self.each(self.find, [file.path for file in batch]))
                old = [file for file in found if file is not None and file.time <= until]
                if time.monotonic() - placed > NOTICE_USED_S:
                    old = []  # too slow to be safe: the next sweep takes them
                if old:
                    self.fs.rm([file.path for file in old])
            yield from old

    @override
    def each(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            yield from pool.map(function, items)

    def _have(self, path: str, length: int, upload: Callable[[], None] | None) -> bool:
        """Have an object under its name that no sweep takes; False if it is not there and cannot be uploaded."""
        with self.clear_errors("written"), _one_kind_of_error():
            renewed = False
            while True:
                found = self.find(path)
                there = found is not None and found.bytes == length
                if found is not None and there:
                    if renewed or time.time() - found.time < self.renew_after_s:
                        return True
                    if not self._renew(found):
                        continue
                elif upload is None:
                    return False
                else:
                    upload()
                    if found is None:  # no sweep has seen it
                        return True
                renewed = True
                self._await_sweeps()

    def _renew(self, found: Stored) -> bool:
        """Give an object a new time; False if it is gone."""
        plain = "s3" not in self.fs.protocol or found.bytes > _S3_COPIES_BYTES
        options = {} if plain else {"MetadataDirective": "REPLACE"}  # S3 refuses a copy that changes nothing
        try:
            with contextlib.suppress(Exception):  # not every store copies an object onto itself: then it is written
                self.fs.cp_file(found.path, found.path, **options)
                if (self.find(found.path) or found).time > found.time:
                    return True
            self.fs.pipe_file(found.path, self.fs.cat_file(found.path))
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def _notice(self) -> Iterator[float]:
        """Say that a sweep is under way; gives when it was said, by `time.monotonic`."""
        path = f"{self.root}/sweeping/{secrets.token_hex(32)}"
        placed = time.monotonic()
        self.fs.pipe_file(path, b"a sweep is under way")
        try:
            yield placed
        finally:
            with contextlib.suppress(FileNotFoundError):  # it has lasted so long that it was not believed any more
                self.fs.rm_file(path)

    def _await_sweeps(self) -> None:
        """Wait for the sweeps that are under way; those that begin later see what was renewed before."""
        until = time.monotonic() + self.notice_believed_s
        first = waiting = {file.path for file in self._below("sweeping")}
        while waiting and time.monotonic() < until:
            time.sleep(_POLL_S)
            waiting = first & {file.path for file in self._below("sweeping")}
        for path in waiting:
            with contextlib.suppress(FileNotFoundError):  # taken away by another who waited
                self.fs.rm_file(path)

    def _below(self, folder: str) -> Iterator[Stored]:
        with _one_kind_of_error():
            found: Mapping[str, Mapping[str, Any]] = self.fs.find(f"{self.root}/{folder}", detail=True)
        return (_stored(path, info) for path, info in found.items())


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system that a URL names, one that does not cache what it lists, and the path in it.

    Raises:
        MissingExtraError: its driver is not installed.
        ValueError: there is no such protocol.
    """
    try:
        fs, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        s3 = url.lower().startswith(("s3:", "s3a:"))
        how = "pip install 'rlm-graph[s3]'" if s3 else f"{error}"
        raise MissingExtraError(f"its driver is not installed: {how}") from error
    return fs, str(path)


def _stored(path: str, info: Mapping[str, Any]) -> Stored:
    when = next((info[name] for name in _TIMES if info.get(name)), math.inf)
    if isinstance(when, str):
        when = datetime.datetime.fromisoformat(when)
    return Stored(path, int(info["size"] or 0), when.timestamp() if isinstance(when, datetime.datetime) else when)


@contextlib.contextmanager
def _one_kind_of_error() -> Iterator[None]:
    """Make one kind of error of what backends raise: what their clients do (credentials, time-outs), in any type."""
    try:
        yield
    except (OSError, RLMError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
