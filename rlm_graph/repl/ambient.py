"""What a cell can change outside of its namespace: the states of `random` and of decimal arithmetic.

They are saved with the variables, as if they were some, under names that no code can spell.
"""

from __future__ import annotations

import decimal
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_RANDOM, _DECIMAL = "<random>", "<decimal>"
_DECIMAL_FIELDS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


class Ambient:
    """The states as they were when the REPL began."""

    def __init__(self) -> None:
        self._random = random.getstate()
        self._decimal = _decimal()

    @contextmanager
    def among(self, namespace: dict[str, Any]) -> Iterator[None]:
        """While the block runs, those that differ from the beginning are among the variables."""
        if (state := random.getstate()) != self._random:
            namespace[_RANDOM] = state
        if (fields := _decimal()) != self._decimal:
            namespace[_DECIMAL] = fields
        try:
            yield
        finally:
            namespace.pop(_RANDOM, None)
            namespace.pop(_DECIMAL, None)

    def take_back(self, namespace: dict[str, Any]) -> None:
        """Bring back what was saved, and leave the namespace to the variables."""
        if _RANDOM in namespace:
            random.setstate(namespace.pop(_RANDOM))
        if _DECIMAL in namespace:
            for name, value in zip(_DECIMAL_FIELDS, namespace.pop(_DECIMAL), strict=True):
                setattr(decimal.getcontext(), name, value)


def _decimal() -> tuple[Any, ...]:
    return tuple(getattr(decimal.getcontext(), name) for name in _DECIMAL_FIELDS)
