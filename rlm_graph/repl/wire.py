"""Frames on the socket between the host and a worker.

A frame is a header length (4 bytes) and a body length (8 bytes), both big-endian, a small JSON header, and raw bytes:
prompts, answers and output travel as they are, because escaping a 1 MB prompt into JSON costs 20 ms.

What a worker sends comes from a process that may be hostile. So sizes are checked before anything is allocated, a
header is a flat JSON object of known kinds, and nothing is ever unpickled.
"""

from __future__ import annotations

import json
import struct
from typing import Any

LENGTHS = struct.Struct("!IQ")

# Made once: `json.dumps` with separators makes an encoder for each call.
_to_json = json.JSONEncoder(separators=(",", ":")).encode
_from_json = json.JSONDecoder().decode

MAX_HEADER_BYTES = 64 * 1024
ONE_PIECE_BYTES = 256 * 1024
"""Bodies up to here are sent together with their header."""

MAX_BODY_BYTES = 512 * 1024 * 1024
"""The longest body: a prompt of `sub_call_max_input_chars`, an answer, or what a cell printed."""

MAX_OPTIONS_BYTES = {"llm_query": 1 << 20, "rlm_query": 128 << 20, "tool": 16 << 20, "ask_user": 0}
"""The longest JSON of what the functions of a cell can be given beside their text: a schema, a context, arguments."""


class FrameError(Exception):
    """The other side sent bytes that are no frame, or one that is over the limits."""


def encode(text: str) -> bytes:
    """Text as bytes; a lone surrogate, which a Python `str` may hold, survives."""
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes | bytearray | memoryview) -> str:
    """The text that `encode` made these bytes of.

    Raises:
        FrameError: the bytes are no UTF-8.
    """
    try:
        return str(data, "utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise FrameError(f"text that is no UTF-8: {error.reason} at byte {error.start}") from error


def frame(header: dict[str, Any], *parts: bytes) -> list[bytes]:
    """The pieces of one frame, to be sent one after the other; `parts` are its body.

    A small frame is one piece: each piece wakes the other side. A large part is not copied.
    """
    if parts:
        header = {**header, "parts": [len(part) for part in parts]}
    head = _to_json(header).encode()
    size = sum(len(part) for part in parts)
    pieces = [LENGTHS.pack(len(head), size) + head, *parts]
    return [b"".join(pieces)] if size <= ONE_PIECE_BYTES else pieces


def lengths(data: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Header and body length of a frame, from its first 12 bytes, within the limits.

    Raises:
        FrameError: one of them is over its limit.
    """
    header_bytes, body_bytes = LENGTHS.unpack(data)
    if not 2 <= header_bytes <= MAX_HEADER_BYTES:
        raise FrameError(f"a header of {header_bytes} bytes (2 to {MAX_HEADER_BYTES} are allowed)")
    if body_bytes > MAX_BODY_BYTES:
        raise FrameError(f"a body of {body_bytes} bytes ({MAX_BODY_BYTES} are allowed)")
    return header_bytes, body_bytes


def parse(head: bytes | bytearray | memoryview, body: bytes | bytearray) -> tuple[dict[str, Any], list[memoryview]]:
    """The header and the parts of the body of a frame.

    Raises:
        FrameError: the header is no JSON object with a `kind`, or its parts do not add up to the body.
    """
    try:
        header = _from_json(str(head, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header that is no JSON: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
        raise FrameError("a header without a kind")
    sizes = header.pop("parts", [])
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise FrameError("a header whose parts are no sizes")
    if sum(sizes) != len(body):
        raise FrameError(f"parts of {sum(sizes)} bytes in a body of {len(body)}")
    view, start, parts = memoryview(body), 0, []
    for size in sizes:
        parts.append(view[start : start + size])
        start += size
    return header, parts


def field(header: dict[str, Any], name: str, kind: type) -> Any:
    """A field of a header, of exactly the type that is expected.

    Raises:
        FrameError: it is missing or of another type.
    """
    value = header.get(name)
    if type(value) is not kind:
        raise FrameError(f"a {header['kind']} frame whose {name} is {value!r}")
    return value
