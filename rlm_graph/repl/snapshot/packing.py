"""Numbers, texts and columns of them as bytes. Whatever the bytes are, reading them gives a value or `SnapshotError`.

A count is checked against the bytes that are left before anything of that size is made, so a reader needs memory in
proportion to its input.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

MAX_VARINT_BYTES = 10
_WIDTHS = ((1 << 8, "B"), (1 << 16, "H"), (1 << 32, "I"), (1 << 64, "Q"))
_SWAP = sys.byteorder == "big"  # the bytes are little-endian everywhere


class SnapshotError(ValueError):
    """The bytes are no snapshot that this code has written."""


class Writer:
    """Bytes that grow."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, value: int) -> None:
        """A natural number, in as few bytes as it needs."""
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def chunk(self, data: bytes) -> None:
        """Bytes, with their length before them."""
        self.number(len(data))
        self.data += data

    def text(self, text: str) -> None:
        """A text, with its length before it."""
        self.chunk(text.encode("utf-8", "surrogatepass"))

    def numbers(self, values: Sequence[int]) -> None:
        """A column of natural numbers, each in as many bytes as the largest needs. The reader knows how many."""
        largest = max(values, default=0)
        code = next(code for limit, code in _WIDTHS if largest < limit)
        self.data += code.encode()
        self.column(code, values)

    def column(self, code: str, values: Iterable[Any]) -> None:
        """A column of numbers of one width, by the codes of `array`."""
        packed = array(code, values)
        if _SWAP:
            packed.byteswap()
        self.data += packed.tobytes()


class Reader:
    """Bytes that are read from the beginning to the end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return len(self._data) - self._at

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        if size > self.left:
            raise SnapshotError(f"{size} bytes are announced, {self.left} are there")
        start, self._at = self._at, self._at + size
        return self._data[start : self._at]

    def number(self) -> int:
        """A natural number."""
        value = shift = 0
        for _ in range(MAX_VARINT_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise SnapshotError("a number that does not end")

    def count(self, bytes_each: int = 1) -> int:
        """A number of things that each take up at least so many of the bytes that follow."""
        count = self.number()
        if count * bytes_each > self.left:
            raise SnapshotError(f"{count} things are announced in {self.left} bytes")
        return count

    def chunk(self) -> bytes:
        """Bytes, with their length before them."""
        return bytes(self.take(self.number()))

    def text(self) -> str:
        """A text, with its length before it."""
        return decoded(self.chunk())

    def numbers(self, count: int) -> list[int]:
        """A column of natural numbers."""
        code = chr(self.take(1)[0])
        if code not in "BHIQ":
            raise SnapshotError(f"a column of width {code!r}")
        return self.column(code, count)

    def column(self, code: str, count: int) -> list[Any]:
        """A column of numbers of one width."""
        packed = array(code)
        packed.frombytes(self.take(count * packed.itemsize))
        if _SWAP:
            packed.byteswap()
        return packed.tolist()


def decoded(data: bytes | memoryview) -> str:
    """A text from its bytes; lone surrogates are let through, as they were written."""
    try:
        return str(data, "utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise SnapshotError("a text that is no UTF-8") from error
