"""A context on its way into a store, text by text."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from rlm_graph.context.local_files import Sink
from rlm_graph.context.materialize import CHUNK_BYTES, VERSION, whole_characters
from rlm_graph.context.ref import PREFIX_CHARS, SHOWN_NAMES, ContextKind
from rlm_graph.errors import ContextEmptyError, ContextNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rlm_graph.context.local_files import LocalFiles

OWN_BLOB_BYTES: Final = 256 << 10
"""A text from this size on has a blob of its own."""

SHARED_BLOB_BYTES: Final = 4 << 20
"""A blob of short texts is closed at this size."""


class ContextWriter:
    """One context on its way into a store, text by text, in pieces: no text is ever held whole.

    Args:
        files: Where it is written.
        finished: Called with its hash when it is whole.
    """

    def __init__(self, files: LocalFiles, finished: Callable[[str], None] | None = None) -> None:
        self.items = 0
        self._files = files
        self._finished = finished
        self._blobs: list[tuple[str, list[int]]] = []
        self._chars = 0
        self._bytes = 0
        self._prefix = ""
        # The blob of short texts that is being filled: at most SHARED_BLOB_BYTES and one text.
        self._shared: list[bytes] = []
        self._sizes: list[int] = []
        self._shared_bytes = 0

    def item(self) -> Item:
        """Begin the next text; it counts when the `with` block ends without an exception."""
        return Item(self)

    def add_text(self, text: str) -> None:
        """Add a text that is a ``str``."""
        if len(text) <= OWN_BLOB_BYTES // 4:
            self.add_short(text.encode("utf-8", "surrogatepass"), len(text), text[:PREFIX_CHARS])
            return
        with self.item() as item:
            item.write_text(text)

    def finish(
        self,
        kind: ContextKind,
        *,
        items: int | None = None,
        names: list[str] | None = None,
        metadata: list[dict[str, Any]] | None = None,
        patches: list[tuple[list[str | int], str]] | None = None,
        skipped: list[str] | None = None,
        shape: str = "",
    ) -> str:
        """Write the manifest, last of all, and return its hash.

        Raises:
            ContextEmptyError: there are no characters.
            ContextNotFoundError: a sweep that spares only what is young has deleted what was written long ago.
        """
        if not self._chars:
            raise ContextEmptyError(_empty(kind, self.items, names or []))
        self._close_shared()
        for sha256, sizes in self._blobs:
            if not self._files.keep(path := self._files.path("blobs", sha256), sum(sizes)):
                raise ContextNotFoundError(
                    f"a part of the context was deleted while it was put: no blob {path}; "
                    f"put it again, and let sweeps spare what is younger than that takes"
                )
        skipped = skipped or []
        manifest = {
            "version": VERSION,
            "kind": kind,
            "items": self.items if items is None else items,
            "chars": self._chars,
            "bytes": self._bytes,
            "prefix": self._prefix,
            "shape": shape,
            "names": names or [],
            "metadata": metadata or [],
            "patches": patches or [],
            "skipped": skipped[:SHOWN_NAMES],
            "skipped_count": len(skipped),
            "blobs": self._blobs,
        }
        data = json.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        sha256 = self._files.write("manifests", data)
        if self._finished is not None:
            self._finished(sha256)
        return sha256

    def sink(self) -> Sink:
        """Begin a blob."""
        return Sink(self._files)

    def add_short(self, data: bytes, chars: int, prefix: str) -> None:
        """Add a text that is whole and short enough to share a blob."""
        self._shared.append(data)
        self._sizes.append(len(data))
        self._shared_bytes += len(data)
        if self._shared_bytes >= SHARED_BLOB_BYTES:
            self._close_shared()
        self._count(len(data), chars, prefix)

    def add_long(self, sink: Sink, chars: int, prefix: str) -> None:
        """Add a text that was written into a blob of its own."""
        self._close_shared()  # the order of the blobs is the order of the texts
        self._blobs.append((sink.commit("blobs"), [sink.length]))
        self._count(sink.length, chars, prefix)

    def _close_shared(self) -> None:
        if self._sizes:
            self._blobs.append((self._files.write("blobs", b"".join(self._shared)), self._sizes))
            self._shared, self._sizes, self._shared_bytes = [], [], 0

    def _count(self, size: int, chars: int, prefix: str) -> None:
        self.items += 1
        self._bytes += size
        self._chars += chars
        self._prefix = self._prefix or prefix


class Item:
    """One text on its way into the store: in memory while it is short, then in a file of its own."""

    def __init__(self, writer: ContextWriter) -> None:
        self._writer = writer
        self._head: list[bytes] = []
        self._size = 0
        self._chars = 0
        self._prefix = ""
        self._sink: Sink | None = None

    def __enter__(self) -> Item:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._sink or contextlib.nullcontext():
            if kind is not None:
                return
            if self._sink is None:
                self._writer.add_short(b"".join(self._head), self._chars, self._prefix)
            else:
                self._writer.add_long(self._sink, self._chars, self._prefix)

    def write(self, data: bytes, chars: int) -> None:
        """Add UTF-8 that holds `chars` whole characters."""
        if len(self._prefix) < PREFIX_CHARS:
            start = data[: 4 * PREFIX_CHARS]  # enough: a character has at most 4 bytes
            start = start[: whole_characters(start)]
            self._prefix = (self._prefix + start.decode("utf-8", "surrogatepass"))[:PREFIX_CHARS]
        self._chars += chars
        self._size += len(data)
        if self._sink is None and self._size < OWN_BLOB_BYTES:
            self._head.append(data)
            return
        if self._sink is None:
            self._sink = self._writer.sink()
            for part in self._head:
                self._sink.write(part)
            self._head = []
        self._sink.write(data)

    def write_text(self, text: str) -> None:
        """Add a ``str``, encoding it in pieces."""
        for start in range(0, len(text), CHUNK_BYTES):
            piece = text[start : start + CHUNK_BYTES]
            self.write(piece.encode("utf-8", "surrogatepass"), len(piece))


def _empty(kind: ContextKind, items: int, names: list[str]) -> str:
    if kind == "str":
        return f"{names[0]} is empty" if names else "the context is an empty str"
    return f"the context has no characters: {items} empty texts" if items else "the context is an empty list"
