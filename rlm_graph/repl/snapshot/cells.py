"""The cells that were run: where a function's code is in them, and that code again from the same place.

Code is never stored. A function is stored as the number of its cell and the place of its code there: the indices of the
code objects on the way to it, from the cell's own code through the constants of each.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType

from rlm_graph.repl.snapshot.packing import SnapshotError


class Cells:
    """Sources by number, compiled when they are needed."""

    def __init__(self, compile_cell: Callable[[str, str], CodeType]) -> None:
        self._compile = compile_cell
        self._codes: dict[int, CodeType] = {}
        self._places: dict[int, dict[CodeType, str]] = {}
        self.sources: dict[int, str] = {}
        """The source of each cell."""

    def add(self, number: int, source: str, code: CodeType | None = None) -> None:
        """Remember a cell; `code` saves compiling it again."""
        self.sources[number] = source
        self._places.pop(number, None)
        self._codes.pop(number, None)
        if code is not None:
            self._codes[number] = code

    def place(self, code: CodeType) -> tuple[int, str] | None:
        """The cell that a piece of code is from, and where it is there; None if it is from no cell."""
        number = _cell_number(code.co_filename)
        if number not in self.sources:
            return None
        if number not in self._places:
            self._places[number] = places(self._code(number))
        found = self._places[number].get(code)
        return None if found is None else (number, found)

    def code(self, number: int, place: str) -> CodeType:
        """The code at a place of a cell.

        Raises:
            SnapshotError: there is no such cell, or no code at that place of it.
        """
        if number not in self.sources:
            raise SnapshotError(f"a function of cell {number}, which is not there")
        return code_at(self._code(number), place)

    def _code(self, number: int) -> CodeType:
        if number not in self._codes:
            try:
                self._codes[number] = self._compile(self.sources[number], cell_name(number))
            except SyntaxError as error:
                raise SnapshotError(f"the source of cell {number} does not compile") from error
        return self._codes[number]


def cell_name(number: int) -> str:
    """The name that a cell's code and its tracebacks have for a file name."""
    return f"<cell {number}>"


def _cell_number(filename: str) -> int:
    digits = filename.removeprefix("<cell ").removesuffix(">")
    return int(digits) if digits.isascii() and digits.isdigit() and filename == cell_name(int(digits)) else -1


def places(outermost: CodeType) -> dict[CodeType, str]:
    """Each piece of code inside a piece of code, with its place. Equal ones are the same: they do the same."""
    found: dict[CodeType, str] = {}
    waiting = [(outermost, "")]
    while waiting:
        code, place = waiting.pop()
        found.setdefault(code, place)
        inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        waiting += [(constant, f"{place}.{index}") for index, constant in enumerate(inner)]
    return found


def code_at(outermost: CodeType, place: str) -> CodeType:
    """The piece of code at a place.

    Raises:
        SnapshotError: there is none.
    """
    code = outermost
    for index in place.split(".")[1:]:
        inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        if not (index.isascii() and index.isdigit() and int(index) < len(inner)):
            raise SnapshotError(f"no code at {place!r} of {outermost.co_filename}")
        code = inner[int(index)]
    return code
