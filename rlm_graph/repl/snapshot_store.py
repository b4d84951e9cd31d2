"""Where REPLs' snapshots are kept: opaque bytes from workers, authenticated, beside the contexts.

    <root>/snapshots/aa/<sha256>    tag, hash of the context, the packs that are needed, and the root
    <root>/blobs/aa/<sha256>        packs: the parts that the roots name, those of one save together
    <root>/key                      what the tags are made with

A snapshot is a root, which a worker has encoded and only a worker decodes, and the parts that the root names by their
hashes. The host stores both without looking into them. What a worker decodes decides what it becomes, so a root is
taken back only with the tag that this store's key gives it: whoever can write to the store, but has not the key,
cannot hand a worker a state that no cell made.

A cell does not wait until its snapshot is on the disk, which it is a fraction of a second later (`flusher.py`): a power
failure until then can cost the variables that it has set. The end of the process costs nothing.

The key is made with the first snapshot, by one of all who may be the first at once. Covered: processes over one local
folder; hosts over one object store that knows conditional writes (S3: `If-None-Match`), or that refuses them: then each
waits two seconds, and takes the key that is there by then. Not covered: an object store that passes over the condition,
and where it refuses it, a host that comes within these two seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rlm_graph.context.files import Files, Folder, reason
from rlm_graph.errors import ContextError, ContextTypeError, REPLExecutionError

KEY_BYTES = 32
TAG_BYTES = 32
HASH_BYTES = 32

_COUNT = struct.Struct("!I")
_LENGTH = struct.Struct("!Q")


class Needs(NamedTuple):
    """What a snapshot needs to be opened."""

    context: str
    """sha256 of the context."""

    packs: list[str]
    """sha256 of the blobs that hold its parts."""


class Snapshot:
    """A state of a REPL, as it was stored."""

    def __init__(self, root: bytes, packs: list[str], read_pack: Callable[[str], dict[str, bytes]]) -> None:
        self.root = root
        """As a worker encoded it."""
        self.packs = packs
        """Where its parts are."""
        self._unread = list(packs)
        self._read_pack = read_pack
        self._parts: dict[str, bytes] = {}

    def part(self, sha256: str) -> bytes:
        """A part that the root names. Packs are read one after the other, until it is there.

        Raises:
            REPLExecutionError: no pack has it, or one is missing or was changed.
        """
        while sha256 not in self._parts and self._unread:
            self._parts.update(self._read_pack(self._unread.pop(0)))
        if sha256 not in self._parts:
            raise REPLExecutionError(f"a part of the REPL's snapshot is missing: {sha256[:80]}")
        return self._parts[sha256]  # kept: two variables may have the same text


class SnapshotStore:
    """The snapshots in a store.

    Raises:
        REPLExecutionError: from any method, when a snapshot is missing, was changed, or cannot be written.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known_key: bytes | None = None

    def put_pack(self, parts: Mapping[str, bytes]) -> str:
        """Keep parts of a snapshot under their hashes, and return the id of the pack.

        Raises:
            REPLExecutionError: a hash is wrong: what a worker says is not believed.
        """
        if any(hashlib.sha256(data).hexdigest() != sha256 for sha256, data in parts.items()):
            raise REPLExecutionError("a worker named a part of its snapshot wrongly")
        index = b"".join(bytes.fromhex(sha256) + _LENGTH.pack(len(data)) for sha256, data in parts.items())
        with self._clear_errors("written"):
            data = b"".join([_COUNT.pack(len(parts)), index, *parts.values()])
            return self._files.write("blobs", data, at_once=False)

    def put(self, root: bytes, context: str, packs: Sequence[str] = ()) -> str:
        """Keep a snapshot and return its id: 64 hex digits, the same for the same state.

        Args:
            root: As a worker encoded it.
            context: The sha256 of the context that the REPL has, which variables may refer to.
            packs: Those that hold the parts that the root names.
        """
        listed = b"".join(bytes.fromhex(pack) for pack in packs)
        body = bytes.fromhex(context) + _COUNT.pack(len(packs)) + listed + root
        with self._clear_errors("written"):
            return self._files.write("snapshots", self._tag(body, make_key=True) + body, at_once=False)

    def open(self, snapshot: str) -> Snapshot:
        """A snapshot, with its parts."""
        found, root = _split(self._body(snapshot))
        return Snapshot(root, found.packs, self._read_pack)

    def check(self, snapshot: str) -> None:
        """See that a snapshot can be opened, and that its packs are there; their contents are compared when read."""
        packs = [self._files.path("blobs", pack) for pack in self.open(snapshot).packs]
        with self._clear_errors("read"):
            for path, found in zip(packs, self._files.each(self._files.find, packs), strict=True):
                if found is None:
                    raise REPLExecutionError(_gone(path))

    def belongs(self, snapshot: str, context: str) -> bool:
        """Whether a snapshot is here, of a REPL over that context."""
        return self.has(snapshot) and self._body(snapshot)[:HASH_BYTES].hex() == context

    def _body(self, snapshot: str) -> bytes:
        data = self._read("snapshots", snapshot)
        tag, body = data[:TAG_BYTES], data[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise REPLExecutionError(
                f"the snapshot {snapshot} was not made with this store's key, and is refused; "
                f"go on from an earlier checkpoint, or put back the key that it was made with"
            )
        return body

    def has(self, snapshot: str) -> bool:
        """Whether a snapshot is here."""
        with contextlib.suppress(ContextTypeError), self._clear_errors("read"):
            return self._files.find(self._files.path("snapshots", snapshot)) is not None
        return False

    def _read(self, folder: Folder, sha256: str) -> bytes:
        path = self._files.path(folder, sha256)
        with self._clear_errors("read"):
            try:
                data = self._files.read(path)
            except FileNotFoundError as error:
                raise REPLExecutionError(_gone(path)) from error
        _compare(data, sha256, path)
        return data

    def _read_pack(self, pack: str) -> dict[str, bytes]:
        data = self._read("blobs", pack)
        (count,) = _COUNT.unpack_from(data)
        at, entry = _COUNT.size, HASH_BYTES + _LENGTH.size
        start, parts = at + count * entry, {}
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(data, at + HASH_BYTES)
            parts[data[at : at + HASH_BYTES].hex()] = data[start : start + length]
            at, start = at + entry, start + length
        return parts

    def _tag(self, body: bytes, *, make_key: bool = False) -> bytes:
        if self._known_key is None:
            self._known_key = self._key(make=make_key)
        return hmac.digest(self._known_key, body, "sha256")

    def _key(self, *, make: bool) -> bytes:
        """The store's key, made when the first snapshot is kept; on a local disk for its owner's eyes only."""
        path = f"{self._files.root}/key"
        with self._clear_errors("read"):
            try:
                key = self._files.read(path)
            except FileNotFoundError as error:
                if not make:
                    raise REPLExecutionError(
                        f"the store's key is gone: there is no {path}, and without it no snapshot is taken back; "
                        f"put it back from a backup"
                    ) from error
                key = self._files.make_once("key", secrets.token_bytes(KEY_BYTES))
        if len(key) != KEY_BYTES:
            raise REPLExecutionError(
                f"the store's key is damaged: {path} has {len(key)} bytes, not {KEY_BYTES}; put it back from a backup, "
                f"or delete it, and with it the variables of all runs in this store"
            )
        return key

    @contextlib.contextmanager
    def _clear_errors(self, what: str) -> Iterator[None]:
        """Say which store it is."""
        try:
            yield
        except ContextTypeError:  # no hash
            raise
        except ContextError as error:  # from `Files`, which says it all
            raise REPLExecutionError(str(error)) from error
        except OSError as error:
            url = self._files.url(self._files.root)
            raise REPLExecutionError(f"the store {url} cannot be {what}: {reason(error)}") from error


def needs(data: bytes, snapshot: str) -> Needs:
    """What a stored snapshot needs; for this no key is needed, only the bytes that its name promises.

    Raises:
        REPLExecutionError: they are others.
    """
    _compare(data, snapshot, snapshot)
    return _split(data[TAG_BYTES:])[0]


def _split(body: bytes) -> tuple[Needs, bytes]:
    """What is needed, and the root."""
    start = HASH_BYTES + _COUNT.size
    (count,) = _COUNT.unpack_from(body, HASH_BYTES) if len(body) >= start else (0,)
    end = start + count * HASH_BYTES
    if len(body) < end:  # only in one that somebody forged, who has not the key
        return Needs("", []), b""
    packs = [body[at : at + HASH_BYTES].hex() for at in range(start, end, HASH_BYTES)]
    return Needs(body[:HASH_BYTES].hex(), packs), body[end:]


def _gone(path: str) -> str:
    return f"the REPL's snapshot is gone: there is no {path}; go on from an earlier checkpoint"


def _compare(data: bytes, sha256: str, name: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise REPLExecutionError(
            f"the REPL's snapshot is corrupt: {name} was changed; put it back from a backup, or go on from an earlier "
            f"checkpoint"
        )
