"""What the code iterates over: lists as they are then, its own generators, and what is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.run_ahead.contents import Contents
from rlm_graph.repl.run_ahead.evaluation import Steps
from rlm_graph.repl.run_ahead.kinds import CONTAINERS, MAPPINGS, PLAIN, STR, Kind, join, list_of
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.unknown import Unknown, may_change


@dataclass(frozen=True)
class Item:
    """In the steps of a stream: the next item. Of one that is not `certain` the number of items is not known."""

    value: Any
    certain: bool = True


class Stream:
    """An iterator of the code: what is left of it."""

    def __init__(self, steps: Iterator[Item | None], depth: int) -> None:
        self.steps = steps
        self.depth: int | None = depth
        """Ways that were open when it was made: on another way it must not be used up. None: nobody else has it."""


@dataclass(frozen=True)
class Many:
    """Any number of items, of which each is as certain as `item`."""

    item: Any


@dataclass(frozen=True)
class View:
    """`items()`, `keys()` or `values()` of a dict."""

    of: Any
    name: str


GoesOn = Callable[[list[Any]], bool]
"""Says of some items whether it is certain that whoever has taken them takes the next, if there is one."""


class Iteration(Contents):
    """Takes items, one after the other, as the code will."""

    def iterator(self, value: Any) -> Steps:
        """What `for` takes the items from."""
        yield from ()
        if isinstance(value, Stream | Many):
            return value
        if isinstance(value, Unknown):
            kind = value.kind
            if not kind.within(CONTAINERS | {str}):
                self.may_raise(Unknown(PLAIN), TypeError)
                return Many(Unknown(PLAIN))
            if kind.within(MAPPINGS):
                return Many(Unknown(kind.key or PLAIN))
            item = STR if kind.only(str) else kind.item or PLAIN
            return Many(Unknown(item, self._aliases(value) if may_change(item) else ()))
        if isinstance(value, View):
            return self._view_iterator(value)
        kind_here = type(value)
        if kind_here in CONTAINERS and not self.are_certain(value):
            vague = self.kind(value)
            item = (vague.key if kind_here in MAPPINGS else vague.item) or PLAIN
            return Many(Unknown(item, (value,) if may_change(item) else ()))
        if kind_here in (set, frozenset):
            if self.memory.is_changed(value):
                raise Stop("the order of a set that was changed")
            return Stream(map(Item, list(value)), self.memory.depth)
        if kind_here in (str, bytes, range, tuple) or kind_here is Document:
            return Stream((Item(self.memory.load(item)) for item in value), self.memory.depth)
        if kind_here is list:
            return Stream(self._list_items(value), self.memory.depth)
        if kind_here in MAPPINGS:
            return Stream(self._dict_items(value, "keys"), self.memory.depth)
        raise Stop(f"a {kind_here.__name__} is iterated over")

    def _list_items(self, value: Any) -> Iterator[Item]:
        at = 0
        while at < len(now := self.memory.load(value)):
            if not self.are_certain(now):
                raise Stop("a list that changes while it is iterated over")
            yield Item(self.memory.load(now[at]))
            at += 1

    def _view_iterator(self, view: View) -> Stream | Many:
        value = self.memory.load(view.of)
        if self.are_certain(value):
            return Stream(self._dict_items(value, view.name), self.memory.depth)
        kind = self.kind(value)
        item = kind.item or PLAIN
        inner = Unknown(item, (value,) if may_change(item) else ())
        key = Unknown(kind.key or PLAIN)
        return Many({"keys": key, "values": inner, "items": (key, inner)}[view.name])

    def _dict_items(self, value: Any, name: str) -> Iterator[Item]:
        keys = list(self.memory.load(value))
        for key in keys:
            now = self.memory.load(value)
            if not self.are_certain(now) or len(now) != len(keys):
                raise Stop("a dict that changes while it is iterated over")
            item = self.memory.load(now[key])
            yield Item({"keys": key, "values": item, "items": (key, item)}[name])

    def pull(self, stream: Stream) -> Steps:
        """The next item of a stream; None at its end."""
        depth = self.memory.depth
        if stream.depth not in (None, depth):
            raise Stop("an iterator is used where it is not certain that the code gets there")
        while True:
            shields, ways = self.shields, len(self.ways)
            try:
                step = next(stream.steps)
            except StopIteration:
                return None
            if step is not None:
                if depth != self.memory.depth or self.shields is not shields or len(self.ways) != ways:
                    raise Stop("a generator that may yield, or not, or in a `try`")
                return step
            yield

    def listed(self, value: Any) -> Steps:
        """All items of an iterable."""
        source = yield from self.iterator(value)
        if isinstance(source, Many):
            raise Stop("the items of what is not known")
        values = []
        while (item := (yield from self.pull(source))) is not None:
            if not item.certain:
                raise Stop("the items of what is not known")
            values.append(item.value)
            self.tick()
        return values

    def drained(self, value: Any, goes_on: GoesOn) -> Steps:
        """A value; in the place of an iterator a list, or an unknown list if it is not certain what is in it.

        Args:
            value: Any.
            goes_on: Is it certain that whoever takes the items goes on after these? If not, nothing of what comes
                after them is asked.
        """
        if not isinstance(value, Stream | View):
            return value
        source = yield from self.iterator(value)
        if isinstance(source, Many):
            kind_of_all = self.kind(source.item)
            return Unknown(list_of(kind_of_all), self.held([source.item], kind_of_all))
        made: list[Any] = []
        is_certain, before = True, self.no_asking
        self.no_asking = before or not goes_on(made)
        while (item := (yield from self.pull(source))) is not None:
            yield
            self.tick()
            is_certain = is_certain and item.certain
            made.append(self.kept(made, item.value))
            self.no_asking = self.no_asking or not goes_on(made)
        self.no_asking = before
        if is_certain:
            return made
        kind: Kind | None = None
        for value in made:
            kind = join(kind, self.kind(value))
        return Unknown(list_of(kind), self.held(made, kind))
