"""What the scout sees of the code's variables and objects: as they will be when the code is where the scout is.

The scout writes to nothing of the code's. An object that it changes is copied first, and its copy (the *shadow*) takes
the object's place wherever the scout meets it, by identity; so aliases stay aliases. Where the code may go two ways,
both are tried from one `open`ed mark, taken back, and merged: what differs is known once the way is.

Of an object that is *vague* only the kind of what is in it is certain.
"""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_graph.repl.run_ahead.kinds import (
    ATOMS,
    CONTAINERS,
    MAPPINGS,
    OPAQUE,
    Kind,
    either,
    is_opaque,
    join,
    kind_of,
    of_type,
)
from rlm_graph.repl.run_ahead.unknown import MAX_FROZEN, Choice, Condition, Frozen, Never, Unknown, may_change

MAX_VISITED = 20_000
"""Containers in one value that are looked at; of more, nothing is said."""

MAX_LOGGED = 20_000
"""Changes that are kept to be taken back."""

MAX_ALIASES = 100
"""Containers of which a value may be one; of more, nothing is said of it."""

MAX_LOOKS = 100_000
"""Objects that are looked at, in all, because it is not known which of them is changed: about half a second."""

MAX_TRACED = 1_000
"""Items of a list or dict whose kinds are remembered when they go."""

PURGE_AT = 1_000
"""Shadows beyond which those that nothing refers to are dropped."""


_PLAIN = CONTAINERS - {defaultdict}  # to look for an item of one may change it


class Stop(Exception):  # noqa: N818 - no error: the scout has come to its end
    """From here on it is not certain what the code will do."""


class Unfit(Exception):  # noqa: N818 - no error
    """A value cannot be copied for something that is derived from it: it is too large, or will never be known."""


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNSET = _Marker("unset")
"""In the place of a variable that is not bound."""

UNSURE = _Marker("unsure")
"""In the place of a variable that may not be bound, or of which not even the kind is certain."""

Place = tuple[int, str | None]
"""A variable of a table, by the table's identity and its name; or an object as a whole."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a place has held in between: after its first change, and before its last."""

    kind: Kind | None = None
    """Of what it has held; None: nothing but its first and its last value."""

    is_certain: bool = True
    """False: something of which not even the kind is certain."""

    def __add__(self, other: Trace) -> Trace:
        return Trace(join(self.kind, other.kind), self.is_certain and other.is_certain)


NO_TRACE = Trace()
UNTRACED = Trace(is_certain=False)


@dataclass(slots=True)
class Logged:
    """A place that has been changed since a mark."""

    holder: Any
    """The table, or the object."""

    name: str | None
    old: Any
    """The variable's value, or a copy of what was in the object."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Changed:
    """A place after a change."""

    holder: Any
    name: str | None
    value: Any
    trace: Trace


Change = dict[Place, Changed]
"""What is different on a way."""


class Memory:
    """Shadows, vague objects, and the marks to which changes can be taken back."""

    def __init__(self) -> None:
        self._shadows: dict[int, tuple[Any, Any]] = {}
        self._vague: dict[int, tuple[Any, Kind]] = {}
        self._marks: list[dict[Place, Logged]] = []
        self._changes: dict[int, int] = {}  # how often each shadow was changed
        self._plain: dict[int, Any] = {}  # objects that were found to be plain, and do not change
        self._inside: dict[int, Any] = {}  # and what is in them
        self._hidden: dict[int, Any] = {}  # objects that something vague may hold
        self._flat: defaultdict[type, dict[int, Any]] = defaultdict(dict)  # those that hold nothing but atoms, by type
        self._looks = 0
        self._purge_at = PURGE_AT
        self.widened = 0
        """How often less became certain of an object."""
        self._has_opaque = False
        self.touched = 0
        """How often an object was changed."""

    # Objects. -------------------------------------------------------------------------------------------------------

    def load(self, value: Any) -> Any:
        """A value as it is now: the shadow of an object that was changed."""
        shadow = self._shadows.get(id(value))
        return value if shadow is None else shadow[1]

    def is_changed(self, value: Any) -> bool:
        """Is it an object that the scout has changed?"""
        return id(value) in self._shadows

    def changed(self, value: Any, *, adds: bool = False, trace: Trace = NO_TRACE) -> Any:
        """The shadow of an object, to be changed by the caller at once; `adds`: nothing of what is in it goes."""
        shadow = self.load(value)
        if id(shadow) not in self._shadows:
            shadow = _copy(value)
            self._keep(value, shadow)
        self._may_hold_more(value, shadow)
        if self._marks:
            self._log((id(shadow), None), shadow, trace, adds=adds)
        self._changes[id(shadow)] = self._changes.get(id(shadow), 0) + 1
        self.touched += 1
        return shadow

    def changes(self, values: Sequence[Any]) -> list[tuple[int, int]]:
        """Something that differs when one of these objects has been changed meanwhile."""
        return [(id(now), self._changes.get(id(now), 0)) for now in map(self.load, values)]

    def _keep(self, value: Any, shadow: Any) -> None:
        self._shadows[id(value)] = (value, shadow)
        self._shadows[id(shadow)] = (shadow, shadow)
        if id(value) in self._inside:
            self._plain.clear()
            self._inside.clear()
        if len(self._shadows) > self._purge_at:
            self._purge()

    def _purge(self) -> None:
        """Forget the objects that nothing but these tables refers to."""
        for key in list(self._shadows):
            value, shadow = self._shadows[key]
            own = 5 if value is shadow else 3  # the tuple and the variables here, each once or twice; the argument
            if sys.getrefcount(value) <= own + (key in self._vague):
                del self._shadows[key]
                self._vague.pop(key, None)
                self._changes.pop(key, None)
        self._purge_at = max(PURGE_AT, 2 * len(self._shadows))

    def vague_kind(self, value: Any) -> Kind | None:
        """What is certain of a vague object; None: its contents are known."""
        vague = self._vague.get(id(value))
        return None if vague is None else vague[1]

    def make_vague(self, value: Any, kind: Kind | None = None) -> None:
        """From here on only the kind of what is in an object is certain; it may be `kind`, too."""
        before = self.loose_kind(value)
        shadow = self.load(value)
        if id(shadow) not in self._shadows:
            shadow = _copy(value)
            self._keep(value, shadow)
        self._changes[id(shadow)] = self._changes.get(id(shadow), 0) + 1
        self.touched += 1
        joined = before if kind is None else either(before, kind)
        if id(shadow) not in self._vague:
            self.hide(_contents(shadow))
        self._may_hold_more(value, shadow)
        for mark in self._marks:
            logged = mark.get((id(shadow), None))
            if logged is not None:
                self.hide(_contents(logged.old))
                joined = self._joined_with(joined, logged.trace + self._trace_of_contents(logged.old))
        new = Kind(frozenset((type(value),)), joined.item, joined.key)
        self.widened += self.vague_kind(shadow) != new
        self._vague[id(shadow)] = (shadow, new)

    def hide(self, values: Iterable[Any]) -> None:
        """These are in something vague now: whoever changes what is in it may change them."""
        for value in values:
            for one in _aliases(value):
                is_flat = type(one) in CONTAINERS and set(map(type, _contents(one))) <= ATOMS
                table = self._flat[type(one)] if is_flat and id(self.load(one)) not in self._vague else self._hidden
                table[id(one)] = one

    def _may_hold_more(self, *values: Any) -> None:
        """These are changed: they need not be flat any more."""
        for value in values:
            if id(value) in self._flat[type(value)]:
                self._hidden[id(value)] = self._flat[type(value)].pop(id(value))

    def change_unknown(self, owner: Unknown, widened: Callable[[Kind], Kind], given: Sequence[Any]) -> None:
        """A list, dict or set is changed of which it is not known which one it is.

        Args:
            owner: What is certain of it, and which ones it may be, or be in.
            widened: The kind that an object of some kind has after that, if it is the one, or the one is in it.
            given: What it may hold after that.

        Raises:
            Stop: it may be one of too many, or something that is not plain.
        """
        before, types = owner.kind, owner.kind.types
        self.hide(given)
        owner.aliases = _distinct([owner.aliases, *map(_aliases, given)])
        waiting: list[Any] = [owner]
        seen: set[int] = set()
        looks_at_hidden = False
        while waiting:
            value = self.load(waiting.pop())
            if type(value) in ATOMS or id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, Unknown):
                if may_change(value.kind):
                    if value.is_knowable:
                        raise Stop("what is made of an answer may be changed")
                    value.kind = widened(value.kind)
                waiting += value.aliases
                continue
            if type(value) not in CONTAINERS:
                raise Stop("an object of which nothing is known")
            self._looks += 1
            if self._looks > MAX_LOOKS or len(value) > MAX_VISITED:
                raise Stop("too many objects may be changed")
            is_vague = self.vague_kind(value) is not None
            if not is_vague:
                waiting += _contents(value)
            elif not looks_at_hidden:
                waiting += self._hidden.values()
                waiting += (one for kind in types for one in self._flat[kind].values())
                looks_at_hidden = True
            if is_vague or type(value) in types:
                self.make_vague(value, widened(self.loose_kind(value)))
        self.widened += owner.kind != before

    # What is certain of a value. ------------------------------------------------------------------------------------

    def is_plain(self, value: Any) -> bool:
        """Is it nothing but plain data, all of it known, and as it will be?"""
        kind = type(value)
        if kind in ATOMS:
            return True
        if kind not in _PLAIN:
            return False
        if id(value) in self._plain:
            return True
        seen: dict[int, Any] = {}
        if not self._are_plain(value, seen):
            return False
        if not any(key in self._shadows for key in seen):
            self._plain[id(value)] = value
            self._inside.update(seen)
        return True

    def _are_plain(self, value: Any, seen: dict[int, Any]) -> bool:
        waiting = [value]
        while waiting:
            container = waiting.pop()
            if id(container) in seen:
                continue
            seen[id(container)] = container
            if len(seen) > MAX_VISITED or id(container) in self._vague or self.load(container) is not container:
                return False
            types = set(map(type, container))
            values: Any = container
            if type(container) in MAPPINGS:
                types.update(map(type, container.values()))
                values = [*container, *container.values()]
            if types <= ATOMS:
                continue
            if not types <= ATOMS | _PLAIN:
                return False
            waiting += [item for item in values if type(item) in CONTAINERS]
        return True

    def kind(self, value: Any) -> Kind | None:
        """What is certain of a value; None if there is something in it that is no plain data."""
        kind = kind_of(value, self._special_kind)
        return None if self._has_opaque and is_opaque(kind) else kind

    def loose_kind(self, value: Any) -> Kind:
        """The kind of a value, where `OPAQUE` stands for what is no plain data.

        Raises:
            Stop: there is too much of it.
        """
        kind = kind_of(value, self._special_or_opaque)
        if kind is None:
            raise Stop(f"a {type(value).__name__} with too much in it")
        self._has_opaque = self._has_opaque or is_opaque(kind)
        return kind

    def _special_or_opaque(self, value: Any) -> Kind | None:
        special = self._special_kind(value)
        return OPAQUE if special is None and type(value) not in ATOMS | CONTAINERS else special

    def _special_kind(self, value: Any) -> Kind | None:
        if isinstance(value, Unknown):
            return value.kind
        value = self.load(value)
        return self.vague_kind(value)

    def frozen(self, value: Any) -> Any:
        """A value for something derived: a copy, so that later changes do not reach it.

        Raises:
            Unfit: there is too much of it, or not all of it can be known.
        """
        room = [MAX_FROZEN]
        return self._frozen(value, room)

    def _frozen(self, value: Any, room: list[int]) -> Any:
        if isinstance(value, Unknown):
            if not value.is_knowable:
                raise Unfit
            return value
        kind = type(value)
        if kind in ATOMS or kind is Frozen:
            return value
        value = self.load(value)
        if kind not in CONTAINERS or id(value) in self._vague:
            raise Unfit
        room[0] -= len(value)
        if room[0] < 0:
            raise Unfit
        if kind in MAPPINGS:
            keys = list(value)
            blank = _copy(value)
            items = [self._frozen(item, room) for item in value.values()]
            return Frozen(lambda items: _filled(blank, dict(zip(keys, items, strict=True))), items)
        if kind in (set, frozenset):
            blank = _copy(value)
            return Frozen(lambda _: _copy(blank), [])
        items = [self._frozen(item, room) for item in value]
        return Frozen(kind, items) if kind is not deque else Frozen(lambda items: deque(items, value.maxlen), items)

    # Variables. -----------------------------------------------------------------------------------------------------

    def bind(self, table: dict[str, Any], name: str, value: Any, trace: Trace = NO_TRACE) -> None:
        """Give a variable a value; `trace`: what it has held before that, and after what it holds now."""
        if self._marks:
            self._log((id(table), name), table, trace)
        table[name] = value

    def _log(self, place: Place, holder: Any, trace: Trace, *, adds: bool = False) -> None:
        mark, name = self._marks[-1], place[1]
        logged = mark.get(place)
        if logged is not None:
            if name is not None:
                trace += self._trace_of(holder[name])
            elif not adds:
                trace += self._trace_of_contents(holder)
            logged.trace += trace
            return
        if len(mark) > MAX_LOGGED:
            raise Stop("too many changes before it is certain which way the code goes")
        old = _copy(holder) if name is None else holder.get(name, UNSET)
        mark[place] = Logged(holder, name, old, trace)

    def _trace_of(self, value: Any) -> Trace:
        """A value that a variable does not keep."""
        if isinstance(value, Unknown) and not value.aliases:
            return Trace(value.kind)
        return Trace(of_type(type(value))) if type(value) in ATOMS else UNTRACED

    def _trace_of_contents(self, contents: Any) -> Trace:
        """Contents that an object does not keep."""
        return Trace(self.loose_kind(contents)) if len(contents) <= MAX_TRACED else UNTRACED

    def _joined_with(self, kind: Kind, trace: Trace) -> Kind:
        if not trace.is_certain:
            raise Stop("a list or dict of which it is not certain what it has held")
        return kind if trace.kind is None else either(kind, trace.kind)

    # Ways that the code may go. -------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """How many marks are open."""
        return len(self._marks)

    def open(self) -> None:
        """Make a mark, to which changes can be taken back."""
        self._marks.append({})

    def close(self) -> None:
        """Remove the last mark; what has changed since stays, and belongs to the mark before it."""
        changes = self._marks.pop()
        if not self._marks:
            return
        below = self._marks[-1]
        for place, logged in changes.items():
            before = below.setdefault(place, logged)
            if before is not logged:
                passed = self._trace_of_contents if logged.name is None else self._trace_of
                before.trace += logged.trace + passed(logged.old)

    def take_back(self) -> Change:
        """Undo what has changed since the last mark, which stays; returns what it was."""
        mark = self._marks[-1]
        changes: Change = {}
        for place, logged in mark.items():
            holder, name = logged.holder, logged.name
            value = _copy(holder) if name is None else holder[name]
            changes[place] = Changed(holder, name, value, logged.trace)
            if name is None:
                _fill(holder, logged.old)
            else:
                holder[name] = logged.old
        mark.clear()
        return changes

    def drop_to(self, depth: int) -> None:
        """Undo everything back to a mark that was the last of so many, and remove those after it."""
        while len(self._marks) > depth:
            self.take_back()
            self._marks.pop()
        self.take_back()

    def apply(self, change: Change) -> None:
        """Do what was taken back."""
        for one in change.values():
            if one.name is None:
                _fill(self.changed(one.holder, trace=one.trace), one.value)
            else:
                self.bind(one.holder, one.name, one.value, one.trace)

    def merge(self, ways: Sequence[tuple[Condition, Change]]) -> None:
        """Bring about what is certain after one of some ways was gone."""
        places: Change = {}
        for _, change in ways:
            places.update(change)
        for place, one in places.items():
            holder, name = one.holder, one.name
            now = _copy(holder) if name is None else holder.get(name, UNSET)
            values = [(way, change[place].value if place in change else now) for way, change in ways]
            trace = sum((change[place].trace for _, change in ways if place in change), NO_TRACE)
            if name is None:
                self._merge_contents(holder, [value for _, value in values], trace)
            else:
                self.bind(holder, name, self.choice(values), trace)

    def _merge_contents(self, holder: Any, contents: list[Any], trace: Trace) -> None:
        if all(_same(contents[0], other) for other in contents[1:]):
            _fill(self.changed(holder, trace=trace), contents[0])
            return
        joined: Kind | None = None
        for content in contents:
            self.hide(_contents(content))
            joined = join(joined, self.loose_kind(content))
        assert joined is not None
        self.make_vague(holder, self._joined_with(joined, trace))

    def choice(self, values: Sequence[tuple[Condition, Any]], trace: Trace = NO_TRACE) -> Any:
        """The value that a variable has after one of some ways; it may also be one of those it has held in between."""
        first = values[0][1]
        if all(value is first for _, value in values) and trace == NO_TRACE:
            return first
        joined = trace.kind
        for _, value in values:
            kind = self.kind(value)
            if kind is None or not trace.is_certain:
                return UNSURE
            joined = join(joined, kind)
        assert joined is not None
        aliases = _distinct(_aliases(value) for _, value in values)
        if len(aliases) > MAX_ALIASES:
            return UNSURE
        are_knowable = trace == NO_TRACE and all(
            condition.is_knowable and (not isinstance(value, Unknown) or value.is_knowable)
            for condition, value in values
        )
        if may_change(joined) or not are_knowable:
            return Unknown(joined, aliases)
        try:
            return Choice([(condition, self.frozen(value)) for condition, value in values], joined)
        except Unfit:
            return Unknown(joined, aliases)

    def blur(self, change: Change) -> bool:
        """Bring about what is certain if the code may have stopped anywhere within a change; False: that was so."""
        differs = False
        for one in change.values():
            holder, name = one.holder, one.name
            if name is None:
                before = self.vague_kind(holder)
                if one.trace == NO_TRACE:
                    self._merge_contents(holder, [_copy(holder), one.value], one.trace)
                else:
                    self.hide(_contents(one.value))
                    self.make_vague(holder, self._joined_with(self.loose_kind(one.value), one.trace))
                differs |= self.vague_kind(holder) != before
                continue
            old = holder.get(name, UNSET)
            if old is UNSURE:
                continue
            blurred = self.choice([(_NEVER_KNOWN, old), (_NEVER_KNOWN, one.value)], one.trace)
            if blurred is not old and not _is_as_before(old, blurred):
                self.bind(holder, name, blurred)
                differs = True
        return differs

    def kind_for_certain(self, value: Any) -> Kind:
        """The kind of a value.

        Raises:
            Stop: it is no plain data.
        """
        kind = self.kind(value)
        if kind is None:
            raise Stop(f"a {type(value).__name__} that is no plain data")
        return kind


class _NeverKnown(Condition):
    is_knowable = False

    def _decide(self) -> bool:
        raise Never


_NEVER_KNOWN = _NeverKnown()


def _aliases(value: Any) -> tuple[Any, ...]:
    """The value, if it, or something in it, can be changed; an unknown one has aliases of its own."""
    is_one = may_change(value.kind) if isinstance(value, Unknown) else type(value) in CONTAINERS
    return (value,) if is_one else ()


def _distinct(several: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """Objects of several lists, each once: ways that part and meet again and again have mostly the same ones."""
    return tuple({id(one): one for some in several for one in some}.values())


def _is_as_before(old: Any, new: Any) -> bool:
    """Is of two values the same certain?"""
    if not (isinstance(old, Unknown) and isinstance(new, Unknown)) or old.is_knowable or old.kind != new.kind:
        return False
    return set(map(id, old.aliases)) == set(map(id, new.aliases))


def _contents(container: Any) -> list[Any]:
    """What is in a container; in a dict, the keys too."""
    return [*container, *container.values()] if type(container) in MAPPINGS else list(container)


def _copy(value: Any) -> Any:
    return type(value)(value) if type(value) in (tuple, frozenset) else value.copy()


def _fill(holder: Any, contents: Any) -> None:
    """Give a container the contents of another."""
    holder.clear()
    if type(holder) in (list, deque):
        holder.extend(contents)
    else:
        holder.update(contents)


def _filled(blank: Any, contents: Mapping[Any, Any]) -> Any:
    made = blank.copy()
    dict.update(made, contents)
    return made


def _same(one: Any, other: Any) -> bool:
    """Do two containers hold the same objects, in the same order?"""
    if len(one) != len(other):
        return False
    if type(one) in MAPPINGS:
        return all(a is b for a, b in zip(one, other, strict=True)) and all(
            a is b for a, b in zip(one.values(), other.values(), strict=True)
        )
    if type(one) is set:
        return bool(one == other)
    return all(a is b for a, b in zip(one, other, strict=True))
