"""What is in lists, dicts and sets, and is put there."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.evaluation import Evaluation
from rlm_graph.repl.run_ahead.kinds import INT, JSON, MAPPINGS, PLAIN, STR, Kind, join
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.pure import is_pure
from rlm_graph.repl.run_ahead.unknown import Unknown, may_change


class Contents(Evaluation):
    """Looks into containers, and puts values into them."""

    def item(self, container: Any, index: Any) -> Any:
        """`container[index]`."""
        if isinstance(container, Unknown) or not self.memory.is_plain(index) or not self.are_certain(container):
            return self._unknown_item(container, index)
        kind = type(container)
        if kind not in _INDEXED:
            raise Stop(f"an item of a {kind.__name__}")
        if kind is defaultdict and self.run(operator.contains, [container, index]) is False:
            value = self._missing(container)
            self.memory.changed(container, adds=True)[index] = value
            return value
        return self.memory.load(self.run(operator.getitem, [container, index]))

    def _missing(self, container: Any) -> Any:
        factory = container.default_factory
        if not is_pure(factory):
            raise Stop("a defaultdict with a function of the code")
        return factory()

    def _unknown_item(self, container: Any, index: Any) -> Any:
        kind = self.kind(container)
        get = operator.getitem
        is_slice = type(index) is slice or (isinstance(index, Unknown) and index.kind.only(slice))
        if is_slice and kind.only(str, list, tuple):
            return self.derive(get, [container, index], Kind(kind.types, kind.item))
        item = STR if kind.only(str) else kind.item or PLAIN
        aliases = self._aliases(container) if may_change(item) else ()
        result = Unknown(item, aliases) if aliases else self.derive(get, [container, index], item)
        if kind.only(list, tuple, str) and type(index) is int and -kind.least <= index < kind.least:
            return result
        if type(index) is str and kind.within(MAPPINGS) and index in dict(kind.fields):
            return self.derive(get, [container, index], dict(kind.fields)[index])
        index_kind = self.kind(index)
        if kind.only(Counter) and kinds.is_hashable(index_kind):
            return self.derive(get, [container, index], join(INT, kind.item) or INT)
        if type(container) is defaultdict and kinds.is_hashable(index_kind):
            return self.unknown_default(container, index_kind, self.kind(self._missing(container)))
        if kind.only(list, tuple, str) and index_kind.within(kinds.NUMBERS):
            return self.may_raise(result, IndexError)
        if kind.within(MAPPINGS) and kinds.is_hashable(index_kind):
            return self.may_raise(result, KeyError)
        if kind.is_json and kind.types == JSON.types and type(index) is str:
            return self.may_raise(self.derive(get, [container, index], JSON), KeyError, TypeError)
        if kind.is_json and kind.types == JSON.types and type(index) is int:
            return self.may_raise(self.derive(get, [container, index], JSON), KeyError, IndexError, TypeError)
        return self.may_raise(result, Exception)

    def unknown_default(self, container: Any, index: Kind, made: Kind) -> Any:
        """An item of a dict, not known which, which may be made now, of a kind."""
        if not kinds.is_hashable(index):
            raise Stop("a key that may not fit into a dict")
        one = Kind(frozenset((type(container),)), made, index)
        self.memory.make_vague(container, one)
        kind = self.kind(container).item
        assert kind is not None
        return Unknown(kind, self._aliases(container))

    def _aliases(self, container: Any) -> tuple[Any, ...]:
        """What an item of a container may be, or be in; what is made of an answer nobody else has."""
        return () if isinstance(container, Unknown) and container.is_knowable else (container,)

    def held(self, values: list[Any], kind: Kind | None) -> tuple[Any, ...]:
        """The aliases of a container of which it is not known which of these values are in it; they are of a kind."""
        return (values,) if kind is not None and may_change(kind) else ()

    def put(self, target: Any, key: Any, value: Any) -> None:
        """`target[key] = value`."""
        if isinstance(target, Unknown):
            kind = target.kind
            if target.is_knowable or not kind.within(MAPPINGS | {list}):
                raise Stop("an item of something that is made of an answer is set")
            of_key, of_value = self.kind(key), self.memory.loose_kind(value)
            if list in kind.types or not kinds.is_hashable(of_key):
                raise Stop("an item of a list that is not known is set")
            self.memory.change_unknown(target, lambda of: kinds.widened(of, kind.types, of_value, of_key), [value])
            return
        kind_here = type(target)
        if kind_here not in MAPPINGS and kind_here is not list:
            raise Stop(f"an item of a {kind_here.__name__} is set")
        if self.are_certain(target) and self.memory.is_plain(key) and type(key) is not slice:
            adds = kind_here in MAPPINGS and not self.run(operator.contains, [target, key])
            self.run(operator.setitem, [self.memory.changed(target, adds=adds), key, self.kept(target, value)])
        elif kind_here is list:
            raise Stop("an item of a list, not known which, is set")
        else:
            key_kind = self.kind(key)
            if not kinds.is_hashable(key_kind):
                raise Stop("a key that may not fit into a dict")
            self.memory.make_vague(target, Kind(frozenset((kind_here,)), self.memory.loose_kind(value), key_kind))
            self.memory.hide([value])

    def kept(self, target: Any, value: Any) -> Any:
        """What is kept of a value in a long list or dict: of 100,000 answers only the kind."""
        if len(target) < MAX_KEPT or self.memory.is_plain(value):
            return value
        kind = self.memory.kind(value)
        return value if kind is None or may_change(kind) else self._cache.unknown(kind)

    def fits_as_key(self, value: Any) -> bool:
        """Is it certain that a value can be a key, or in a set?"""
        kind = self.memory.kind(value)
        return kind is not None and kinds.is_hashable(kind)

    def add_to_set(self, target: Any, value: Any) -> None:
        """Put a value into a set."""
        if self.memory.is_plain(value) and self.are_certain(target):
            changed = self.memory.changed(target, adds=True)
            self.run(changed.add, [value])
            return
        kind = self.kind(value)
        if not kinds.is_hashable(kind):
            raise Stop("a value that may not fit into a set")
        self.memory.make_vague(target, Kind(frozenset((set,)), kind))


MAX_KEPT = 1_000
"""Answers that the scout's own copy of a list or dict holds; of more, only their kind is kept."""

_INDEXED = MAPPINGS | {str, bytes, range, list, tuple, Document}
