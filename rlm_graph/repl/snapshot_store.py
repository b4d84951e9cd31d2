"""Where REPLs' snapshots are kept: opaque bytes from workers, authenticated, beside the contexts.

    <root>/snapshots/aa/<sha256>    tag, hash of the context, the packs that are needed, and the root
    <root>/blobs/aa/<sha256>        packs: the parts that the roots name, those of one save together
    <root>/key                      what the tags are made with

A snapshot is a root, which a worker has encoded and only a worker decodes, and the parts that the root names by their
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
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rlm_graph.context.blobs import Files, Folder, reason
from rlm_graph.errors import ContextTypeError, REPLExecutionError

KEY_BYTES = 32
TAG_BYTES = 32
HASH_BYTES = 32

_COUNT = struct.Struct("!I")
_LENGTH = struct.Struct("!Q")


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
            return self._files.write("blobs", b"".join([_COUNT.pack(len(parts)), index, *parts.values()]))

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
            return self._files.write("snapshots", self._tag(body) + body)

    def open(self, snapshot: str) -> Snapshot:
        """A snapshot, with its parts."""
        body = self._body(snapshot)
        (count,) = _COUNT.unpack_from(body, HASH_BYTES)
        start = HASH_BYTES + _COUNT.size
        packs = [body[at : at + HASH_BYTES].hex() for at in range(start, start + count * HASH_BYTES, HASH_BYTES)]
        return Snapshot(body[start + count * HASH_BYTES :], packs, self._read_pack)

    def belongs(self, snapshot: str, context: str) -> bool:
        """Whether a snapshot is here, of a REPL over that context."""
        return self.has(snapshot) and self._body(snapshot)[:HASH_BYTES].hex() == context

    def _body(self, snapshot: str) -> bytes:
        data = self._read("snapshots", snapshot)
        tag, body = data[:TAG_BYTES], data[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise REPLExecutionError(f"the snapshot {snapshot} was not made with this store's key, and is refused")
        return body

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

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key(), body, "sha256")

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
