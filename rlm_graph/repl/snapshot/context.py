"""Pieces of the context by their place in it: they are never stored.

An item of a list, a document, or whatever a JSON-like context holds is known by its number in a walk over the context,
which is the same in every worker. Short texts are not: to store them again costs no more than a reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.snapshot.packing import SnapshotError

LONG_CHARS = 1024
"""Characters (or bytes) of a text that is stored by itself, once per content, or referred to if the context has it."""


class ContextIndex:
    """The context's parts and their numbers. Made when a value is first met that may be one of them."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self._has_containers = type(context) is dict or (
            type(context) is list and any(type(item) in (list, dict) for item in context)
        )

    def prepare(self) -> None:
        """Number the parts now: before a worker is forked, so that all of them share it, and no cell has run."""
        self._parts  # noqa: B018 - computed once

    def may_hold(self, kind: type) -> bool:
        """May an object of this type be a part of the context?"""
        return (
            kind is str
            or kind is Document
            or kind is type(self.context)
            or (self._has_containers and kind in (list, dict))
        )

    def number(self, value: object) -> int | None:
        """The number of a part of the context, by identity; None if it is none."""
        return 0 if value is self.context else self._numbers.get(id(value))

    def find(self, number: int) -> Any:
        """The part of that number.

        Raises:
            SnapshotError: there is none.
        """
        if type(number) is not int or not 0 <= number < (len(self._parts) if number else 1):
            raise SnapshotError(f"the context has no part {number!r}")
        return self._parts[number] if number else self.context

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {id(part): number for number, part in reversed(list(enumerate(self._parts)))}

    @cached_property
    def _parts(self) -> list[Any]:
        """What can be referred to, breadth first. The list is made once: the cells may change the context."""
        return [self.context, *_parts(self.context)] if type(self.context) in (list, dict) else [self.context]


def _parts(context: Any) -> Iterator[Any]:
    level = [context]
    while level:
        lists = [part for part in level if type(part) is list]
        dicts = [part for part in level if type(part) is dict]
        items = list(chain(chain.from_iterable(lists), chain.from_iterable(map(dict.values, dicts))))
        yield from (i for i in items if type(i) is Document or (type(i) is str and len(i) >= LONG_CHARS))
        level = [item for item in items if type(item) in (list, dict)]
        yield from level
