"""What a cell can change outside of its namespace: the states of `random` and of decimal arithmetic.

They are saved with the variables, as if they were some, under names that no code can spell.
"""

from __future__ import annotations

import decimal
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rlm_graph.repl.facades.rebuilt import CHANCE

_DECIMAL_FIELDS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


@dataclass
class _State:
    """One of them."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]
    seed: Callable[[str], object] | None = None
    beginning: Any = None
    """What it was when the REPL began: as long as it is that, there is nothing to save."""


class Ambient:
    """The states, and what they were when the REPL began."""

    def __init__(self) -> None:
        CHANCE.seed()  # not that of the zygote, which all workers would share
        self._seed: int | None = None
        self._states = (
            _State("<random>", random.getstate, random.setstate, random.seed),
            _State("<chance>", CHANCE.state, CHANCE.restore, CHANCE.seed),
            _State("<decimal>", _decimal, _set_decimal),
        )
        for state in self._states:
            state.beginning = state.get()

    def seed(self, seed: int) -> None:
        """Let what is drawn at random depend on the run alone: what nobody has drawn from begins with its seed."""
        for state in self._states:
            if state.seed is not None and seed != self._seed and state.get() == state.beginning:
                state.seed(f"{state.name} {seed}")
                state.beginning = state.get()
        self._seed = seed

    @contextmanager
    def among(self, namespace: dict[str, Any]) -> Iterator[None]:
        """While the block runs, those that differ from the beginning are among the variables."""
        for state in self._states:
            if (now := state.get()) != state.beginning:
                namespace[state.name] = now
        try:
            yield
        finally:
            for state in self._states:
                namespace.pop(state.name, None)

    def take_back(self, namespace: dict[str, Any]) -> None:
        """Bring back what was saved, and leave the namespace to the variables."""
        for state in self._states:
            if state.name in namespace:
                state.set(namespace.pop(state.name))


def _decimal() -> tuple[Any, ...]:
    return tuple(getattr(decimal.getcontext(), name) for name in _DECIMAL_FIELDS)


def _set_decimal(values: tuple[Any, ...]) -> None:
    for name, value in zip(_DECIMAL_FIELDS, values, strict=True):
        setattr(decimal.getcontext(), name, value)
