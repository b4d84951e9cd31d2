"""What the scout makes of functions that give an iterator, and of `next`: they take items only as the code will."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.run_ahead.evaluation import Steps
from rlm_graph.repl.run_ahead.expressions import Expressions
from rlm_graph.repl.run_ahead.iteration import Item, Many, Stream
from rlm_graph.repl.run_ahead.kinds import ATOMS, CONTAINERS, INT, PLAIN, Kind
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.shields import CodeError
from rlm_graph.repl.run_ahead.unknown import Unknown

_END: Any = object()


class Iterators(Expressions):
    """Evaluates calls that give iterators."""

    def _enumerate(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        start = named.get("start", arguments[1] if len(arguments) > 1 else 0)
        source = yield from self.iterator(arguments[0])
        if type(start) is not int:
            raise Stop("`enumerate` from what is no number")
        if isinstance(source, Many):
            return Many((Unknown(INT), source.item))

        def items() -> Iterator[Item | None]:
            number: Any = start
            while (item := (yield from self.pull(source))) is not None:
                if not item.certain:
                    number = Unknown(INT)
                yield Item((number, item.value), item.certain)
                number = number + 1 if type(number) is int else number

        return Stream(items(), self.memory.depth)

    def _zip(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        if any(named.get(name) for name in named):
            raise Stop("`zip` that may raise")
        sources = yield from self.gathered(map(self.iterator, arguments))
        if any(isinstance(source, Many) for source in sources):
            parts = []
            for source in sources:
                if isinstance(source, Stream):
                    source = yield from self.iterator((yield from self.drained(source, lambda _: False)))
                    if isinstance(source, Stream):
                        source = Many(Unknown(self._item_of((yield from self.drained(source, lambda _: False)))))
                parts.append(source.item)
            return Many(tuple(parts))

        def items() -> Iterator[Item | None]:
            while True:
                row = []
                for source in sources:
                    item = yield from self.pull(source)
                    if item is None:
                        return
                    if not item.certain:
                        raise Stop("`zip` of what may not be there")
                    row.append(item.value)
                yield Item(tuple(row))

        return Stream(items() if sources else iter(()), self.memory.depth)

    def _item_of(self, values: Any) -> Kind:
        return self.kind(values).item or PLAIN

    def _map(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        function = arguments[0]
        rows = yield from self._zip(arguments[1:], named)
        if isinstance(rows, Many):
            raise Stop("`map` over what is not known")

        def items() -> Iterator[Item | None]:
            while (row := (yield from self.pull(rows))) is not None:
                yield Item((yield from self.invoke(function, list(row.value), {})))

        return Stream(items(), self.memory.depth)

    def _filter(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        function, source = arguments[0], (yield from self.iterator(arguments[1]))
        if isinstance(source, Many):
            raise Stop("`filter` of what is not known")

        def items() -> Iterator[Item | None]:
            while (item := (yield from self.pull(source))) is not None:
                result = item.value
                if function is not None:
                    result = yield from self.invoke(function, [item.value], {})
                truth = self.truth(result)
                if isinstance(truth, Unknown) or truth:
                    yield Item(item.value, item.certain and not isinstance(truth, Unknown))

        return Stream(items(), self.memory.depth)

    def _reversed(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        value = arguments[0]
        if type(value) not in (list, tuple, str, range) or not self.are_certain(value):
            raise Stop("`reversed` of what is not known")
        items = [self.memory.load(item) for item in (yield from self.listed(value))]
        return self._result(reversed(items), [value])

    def _iter(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        if len(arguments) != 1:
            raise Stop("`iter` with a sentinel")
        return (yield from self.iterator(arguments[0]))

    def _chain(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        yield from ()
        return Stream(self._one_after_the_other(iter(map(Item, arguments))), self.memory.depth)

    def _chain_of(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002
        source = yield from self.iterator(arguments[0])
        if isinstance(source, Many):
            inner = yield from self.iterator(source.item)
            if isinstance(inner, Stream):
                raise Stop("`chain` of any number of lists")
            return inner
        return Stream(self._one_after_the_other(source), self.memory.depth)

    def _one_after_the_other(self, sources: Stream | Iterator[Item]) -> Iterator[Item | None]:
        while True:
            outer = (yield from self.pull(sources)) if isinstance(sources, Stream) else next(sources, None)
            if outer is None:
                return
            if not outer.certain:
                raise Stop("`chain` of what may not be there")
            source = yield from self.iterator(outer.value)
            if isinstance(source, Many):
                yield Item(source.item, certain=False)
                continue
            while (item := (yield from self.pull(source))) is not None:
                yield item

    def _islice(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002
        source = yield from self.iterator(arguments[0])
        bounds = arguments[1:]
        if not all(bound is None or (type(bound) is int and bound >= 0) for bound in bounds) or len(bounds) > 2:
            raise Stop("`islice` with what is no number, or with a step")
        start, end = (0, *bounds) if len(bounds) == 1 else bounds
        start = start or 0
        if isinstance(source, Many):
            return source
        if end is not None and start > end:
            raise Stop("`islice` of nothing")

        def items() -> Iterator[Item | None]:
            number = 0
            while end is None or number < end:
                item = yield from self._certainly(source, "islice")
                if item is None:
                    return
                number += 1
                if number > start:
                    yield item

        return Stream(items(), self.memory.depth)

    def _certainly(self, source: Stream, name: str) -> Steps:
        """The next item, which is certain; None at the end."""
        item = yield from self.pull(source)
        if item is not None and not item.certain:
            raise Stop(f"`{name}` of what may not be there")
        return item

    def _batched(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002
        source, size = (yield from self.iterator(arguments[0])), arguments[1]
        if type(size) is not int or size < 1 or isinstance(source, Many):
            raise Stop("`batched` of what is not known")

        def items() -> Iterator[Item | None]:
            while True:
                batch: list[Any] = []
                while len(batch) < size and (item := (yield from self._certainly(source, "batched"))) is not None:
                    batch.append(item.value)
                if not batch:
                    return
                yield Item(tuple(batch))

        return Stream(items(), self.memory.depth)

    def _pairwise(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002
        source = yield from self.iterator(arguments[0])
        if isinstance(source, Many):
            raise Stop("`pairwise` of what is not known")

        def items() -> Iterator[Item | None]:
            first = yield from self._certainly(source, "pairwise")
            while first is not None and (second := (yield from self._certainly(source, "pairwise"))) is not None:
                yield Item((first.value, second.value))
                first = second

        return Stream(items(), self.memory.depth)

    def _groupby(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """Groups that are used up when the next group is taken, as Python's are."""
        source = yield from self.iterator(arguments[0])
        function = arguments[1] if len(arguments) > 1 else named.get("key")
        if isinstance(source, Many):
            raise Stop("`groupby` of what is not known")
        now: tuple[Any, Any] | None = None  # the key and the item that has been taken last
        groups = 0

        def advance() -> Steps:
            nonlocal now
            item = yield from self._certainly(source, "groupby")
            if item is None:
                now = None
                return
            key = item.value if function is None else (yield from self.invoke(function, [item.value], {}))
            if not self.memory.is_plain(key):
                raise Stop("groups by what is not known")
            now = (key, item.value)

        def group(key: Any, number: int) -> Iterator[Item | None]:
            while number == groups and now is not None and now[0] == key:
                yield Item(now[1])
                if number == groups:
                    yield from advance()

        def items() -> Iterator[Item | None]:
            nonlocal groups
            yield from advance()
            while now is not None:
                groups += 1
                key = now[0]
                yield Item((key, Stream(group(key, groups), self.memory.depth)))
                while now is not None and now[0] == key:
                    yield from advance()

        return Stream(items(), self.memory.depth)

    def _next(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002
        source, *default = arguments
        if not isinstance(source, Stream):
            raise Stop("`next` of an iterator that was there before")
        item = yield from self._certainly(source, "next")
        if item is not None:
            return item.value
        if not default:
            raise Stop("`next` of an iterator that is at its end")
        return default[0]

    def _result(self, value: Any, sources: Sequence[Any]) -> Any:
        """What a function has given: an iterator is used up once, and only while what it is over stays the same."""
        if type(value) in ATOMS | CONTAINERS:
            return self.memory.load(value)
        if not isinstance(value, Iterator) or isinstance(value, io.StringIO):
            raise Stop(f"a {type(value).__name__}")
        return self.streamed(value, sources)

    def streamed(self, value: Iterator[Any], sources: Sequence[Any]) -> Stream:
        """An iterator of Python that has been made of plain data, and nobody else has."""
        changes = self.memory.changes(sources)

        def items() -> Iterator[Item]:
            while True:
                try:
                    item = next(value, _END)
                except Exception as error:
                    raise CodeError(error) from None
                if item is _END:
                    return
                if self.memory.changes(sources) != changes:
                    raise Stop("a list that changes while it is iterated over")
                yield Item(item)

        return Stream(items(), self.memory.depth)

    _LAZY: MappingProxyType[Any, Callable[..., Steps]] = MappingProxyType(
        {
            enumerate: _enumerate,
            zip: _zip,
            map: _map,
            filter: _filter,
            reversed: _reversed,
            iter: _iter,
            next: _next,
            LISTED["itertools"]["chain"]: _chain,
            LISTED["itertools"]["chain"].from_iterable: _chain_of,
            LISTED["itertools"]["islice"]: _islice,
            LISTED["itertools"]["pairwise"]: _pairwise,
            LISTED["itertools"]["groupby"]: _groupby,
            LISTED["itertools"].get("batched"): _batched,
        }
    )
