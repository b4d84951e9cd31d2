"""From a manifest on the local disk to the value that a cell sees as ``context``.

The REPL's zygote runs this: it imports the standard library, ``document`` and ``errors`` only, and holds
little more than the value itself. A text grows in place, so a file of 100 MB peaks at 100 MB and a chunk.
Two exceptions: a text whose first wider character comes late (ASCII up to an emoji) is held twice while it is
widened; and a ``Document`` is copied once, one document at a time, because a subclass of ``str`` cannot grow.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlm_graph.context.document import Document
from rlm_graph.errors import ContextError, ContextNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = 1
CHUNK_BYTES: Final = 1 << 20


def load(manifest_path: str | Path) -> object:
    """Build the value: ``str``, ``list[str]``, ``list[Document]``, ``dict`` or ``list``.

    Raises:
        ContextError: the manifest or a blob is not what its name, which is its hash, says.
        ContextNotFoundError: the manifest or a blob is missing.
    """
    path = Path(manifest_path)
    manifest = read_manifest(_read(path), path.name)
    # <root>/manifests/aa/<sha256> and <root>/blobs/aa/<sha256>
    texts = _texts(path.parents[2] / "blobs", manifest["blobs"])
    match manifest["kind"]:
        case "str":
            return next(texts)
        case "list[str]":
            return list(texts)
        case "documents":
            described = zip(manifest["names"], manifest["metadata"], strict=True)
            return [Document(text, *facts) for text, facts in zip(texts, described, strict=True)]
        case _:
            return patched(json.loads(next(texts)), manifest["patches"], texts)


def read_manifest(data: bytes, sha256: str) -> dict[str, Any]:
    """Check a manifest against its hash and parse it.

    Raises:
        ContextError: the hash differs, or a newer version of this package wrote it.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ContextError(f"the manifest {sha256} is corrupt: its hash differs; put the context again")
    # Surrogates pass, and are not JSON escapes: two lone ones side by side must not become one character.
    manifest: dict[str, Any] = json.loads(data.decode("utf-8", "surrogatepass"))
    if manifest.get("version") != VERSION:
        raise ContextError(f"the manifest {sha256} has version {manifest.get('version')!r}; this code reads {VERSION}")
    return manifest


def _texts(folder: Path, blobs: list[tuple[str, list[int]]]) -> Iterator[str]:
    """Yield every text in order; a blob holds one long text, or many short ones end to end."""
    for sha256, sizes in blobs:
        path = folder / sha256[:2] / sha256
        if len(sizes) == 1:
            yield _long_text(path, sizes[0])
        else:
            data = _read(path)
            _check(path, len(data), sum(sizes), hashlib.sha256(data).hexdigest())
            start = 0
            for size in sizes:
                yield data[start : start + size].decode("utf-8", "surrogatepass")
                start += size


def _long_text(path: Path, size: int) -> str:
    text = ""
    # CPython grows a string in place only in this form: a local name, `+=`, nothing else that refers to it,
    # and (3.11) a `for` loop. Measured for 100 MB: 100 MB peak and 0.2 s; with io.StringIO or "".join 200 MB.
    # A test watches it.
    for chunk in _decoded(path, size):
        text += chunk
    return text


def _decoded(path: Path, size: int) -> Iterator[str]:
    digest = hashlib.sha256()
    length = 0
    rest = b""
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(CHUNK_BYTES):
                digest.update(data)
                length += len(data)
                data = rest + data if rest else data
                cut = whole_characters(data)
                rest = data[cut:]
                yield str(memoryview(data)[:cut], "utf-8", "surrogatepass")
    except FileNotFoundError as error:
        raise _missing(path) from error
    except UnicodeDecodeError as error:
        raise ContextError(f"the blob {path} is corrupt: it is no UTF-8; put the context again") from error
    _check(path, length, size, digest.hexdigest())


def whole_characters(data: bytes) -> int:
    """Return how many bytes from the start hold whole UTF-8 characters; the rest waits for the next chunk."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # no continuation: the last character starts here
            width = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if back >= width else len(data) - back
    return len(data)


def patched(value: Any, patches: list[tuple[list[Any], str]], texts: Iterator[str]) -> Any:
    """Put the long strings and huge integers, which are stored as texts of their own, into their places."""
    for (path, kind), text in zip(patches, texts, strict=True):
        *parents, last = path
        place = value
        for key in parents:
            place = place[key]
        place[last] = text if kind == "str" else int(text, 16)
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(path) from error


def _missing(path: Path) -> ContextNotFoundError:
    return ContextNotFoundError(f"a part of the context is missing: no file {path}; put the context again")


def _check(path: Path, length: int, wanted: int, sha256: str) -> None:
    if length != wanted:
        raise ContextError(
            f"the blob {path} is corrupt: {length:,} bytes in place of {wanted:,}; put the context again"
        )
    if sha256 != path.name:
        raise ContextError(f"the blob {path} is corrupt: its hash differs; put the context again")
