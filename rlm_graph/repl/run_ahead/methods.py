"""What the scout makes of methods of Python's own types, those that change something too."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.guards import check_format
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.evaluation import Steps
from rlm_graph.repl.run_ahead.functions import Functions
from rlm_graph.repl.run_ahead.iteration import GoesOn, Many, View
from rlm_graph.repl.run_ahead.kinds import (
    ATOMS,
    BOOL,
    CONTAINERS,
    INT,
    MAPPINGS,
    MUTABLE,
    NONE,
    NUMBERS,
    PLAIN,
    STR,
    Kind,
    join,
    list_of,
    of_type,
)
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.pure import METHODS, TYPES
from rlm_graph.repl.run_ahead.shields import CodeError
from rlm_graph.repl.run_ahead.unknown import Unknown, may_change


class Methods(Functions):
    """Evaluates calls of methods."""

    def _type_method(self, owner: type, name: str, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        if owner not in TYPES or name not in METHODS or not all(map(self.memory.is_plain, arguments)):
            raise Stop(f"{owner.__name__}.{name}")
        return self._result(self.run(self._bound(owner, name), arguments, named), arguments)

    def _bound(self, owner: Any, name: str) -> Any:
        """A method of a plain value."""
        try:
            return getattr(owner, name)
        except AttributeError as error:
            raise CodeError(error) from None

    def method(self, owner: Any, name: str, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What `owner.name(...)` gives, and does."""
        given = yield from self._given(owner, name, arguments)
        if type(owner) in MAPPINGS and name in ("items", "keys", "values") and not given:
            return View(owner, name)
        if isinstance(owner, Unknown):
            if owner.kind.within(MAPPINGS) and name in ("items", "keys", "values") and not given:
                return self._unknown_view(owner, name)
            return self._unknown_method(owner, name, given, named)
        if name in _CHANGES and type(owner) in MUTABLE:
            return (yield from self._change(owner, name, given, named))
        if name == "format" and type(owner) is str:
            return self._format(owner, given, named)
        if name not in METHODS or type(owner) not in ATOMS | CONTAINERS:
            raise Stop(f"the method `{name}` of a {type(owner).__name__}")
        values = [owner, *given, *named.values()]
        if all(map(self.memory.is_plain, values)):
            return self._result(self.run(self._bound(owner, name), given, named), values)
        if type(owner) in MAPPINGS and name == "get" and self.are_certain(owner) and self.memory.is_plain(given[0]):
            found = self.run(owner.get, [given[0], _MISSING])
            return self.memory.load(found) if found is not _MISSING else (given[1] if len(given) > 1 else None)
        if name == "copy" and self.are_certain(owner):
            return owner.copy()
        return self._unknown_method(owner, name, given, named)

    def _given(self, owner: Any, name: str, arguments: Sequence[Any]) -> Steps:
        """The arguments of a method, with lists in the place of the iterators that it uses up."""
        goes_on: GoesOn = self._never_certain
        if name in ("join", "extend", "extendleft"):
            goes_on = self._always
        elif name == "update":
            is_of_pairs = type(owner) in MAPPINGS - {Counter} or not isinstance(owner, set | Counter)
            goes_on = self._pairs_fit if is_of_pairs else self._keys_fit
        elif name not in _TAKING:
            return list(arguments)
        return (yield from self.gathered(self.drained(value, goes_on) for value in arguments))

    def _unknown_view(self, owner: Unknown, name: str) -> Many:
        item = owner.kind.item or PLAIN
        value = Unknown(item, self._aliases(owner) if may_change(item) else ())
        key = Unknown(owner.kind.key or PLAIN)
        return Many({"keys": key, "values": value, "items": (key, value)}[name])

    def _format(self, template: str, values: list[Any], named: Mapping[str, Any]) -> Any:
        try:
            check_format(template)
        except Exception as error:
            raise CodeError(error) from None
        names = list(named)

        def formatted(*parts: Any) -> str:
            return template.format(*parts[: len(values)], **dict(zip(names, parts[len(values) :], strict=True)))

        given = [*values, *named.values()]
        if not all(map(self.memory.is_plain, given)) and _LOOKS_INSIDE.search(template):
            raise Stop("a format that looks into what is not known")
        return self.operate(formatted, *given)

    def _unknown_method(self, owner: Any, name: str, given: list[Any], named: Mapping[str, Any]) -> Any:
        """A method of something unknown, or with something unknown."""
        kind = self.kind(owner)
        if named and name not in ("split", "rsplit"):
            raise Stop(f"the method `{name}` with names")
        self._check_plain(given)
        if name in _CHANGES and kind.within(MUTABLE):
            return self._change_unknown(owner, name, given)
        arguments = [*given, *named.values()]
        names = list(named)

        def call(value: Any, *parts: Any) -> Any:
            return getattr(value, name)(*parts[: len(given)], **dict(zip(names, parts[len(given) :], strict=True)))

        values = [owner, *arguments]
        if kind.only(str, Document):
            if name == "join":
                return self._join(owner, given)
            result = _STR_METHODS.get(name)
            if result is not None and kinds.never_fails(call, [self.sample(value) for value in values]):
                if name in ("split", "rsplit") and given and given[0] is not None:
                    result = _split(kind, given, named)
                elif name in _KEEPING and not given:
                    result = replace(STR, holds=frozenset(filter(_KEEPING[name], kind.holds)))
                return self.derive(call, values, result)
            if name in ("index", "rindex") and len(given) == 1 and _is_held(kind, given[0]):
                return self.derive(call, values, INT)
            if name in ("partition", "rpartition") and type(given[0]) is str and given[0]:
                whole = self.derive(call, values, Kind(frozenset((tuple,)), STR, least=3))
                return tuple(self.derive(lambda parts, at=at: parts[at], [whole], STR) for at in range(3))
        if kind.within(MAPPINGS) and name == "get" and kinds.is_hashable(self.kind(given[0])):
            default = self.kind(given[1]) if len(given) > 1 else of_type(NONE)
            item = join(kind.item, default) or default
            aliases = self._aliases(owner) + tuple(value for value in given[1:] if type(value) in MUTABLE)
            return Unknown(item, aliases) if may_change(item) else self.derive(call, values, item)
        if kind.only(re.Match) and name == "group":
            return self._group(kind, given, self.derive(call, values, of_type(str, NONE)))
        if kind.only(re.Match) and name == "groups" and not given:
            found = [of for group, of in kind.fields if type(group) is int and group > 0]
            of_all = functools.reduce(join, found, None)
            return self.derive(call, values, Kind(frozenset((tuple,)), of_all, least=len(found), is_exact=True))
        if kind.only(Counter) and name == "most_common" and all(type(count) is int for count in given):
            pair = Kind(frozenset((tuple,)), join(kind.key, kind.item), least=2, is_exact=True)
            return self.derive(call, values, list_of(pair))
        if kind.only(re.Pattern):
            return self._search(name, [owner, *arguments])
        if kind.only(list, tuple) and name in ("count", "copy"):
            return self.derive(call, values, INT if name == "count" else kind)
        if name not in METHODS:
            raise Stop(f"the method `{name}` of what is not known")
        if re.Match in kind.types:
            raise Stop(f"the method `{name}` of what may be a match")
        error = AttributeError if _fails_by_type_only(name, [self.kind(value) for value in given]) else Exception
        result = of_type(str, bytes) if name in _OF_TEXT and not given else PLAIN
        return self.may_raise(self.derive(call, values, result), error)

    def _group(self, match: Kind, given: list[Any], found: Unknown) -> Unknown:
        """What `match.group(...)` gives, if there is such a group."""
        number = given[0] if given else 0
        of_groups = dict(match.fields)
        if len(given) > 1 or isinstance(number, Unknown) or number not in of_groups:
            return self.may_raise(found, IndexError)
        return self.derive(lambda text: text, [found], of_groups[number])

    def _join(self, separator: Any, given: list[Any]) -> Any:
        if len(given) != 1 or not self.kind(separator).only(str):
            raise Stop("`join` of something else")
        kind = self.kind(given[0])
        values = [separator, given[0]]
        if kind.within(CONTAINERS - MAPPINGS) and (kind.item is None or kind.item.only(str, Document)):
            return self.derive(lambda text, parts: text.join(parts), values, STR)
        return self.may_raise(self.derive(lambda text, parts: text.join(parts), values, STR), TypeError)

    # Changes of lists, dicts and sets. --------------------------------------------------------------------------------

    def _change_unknown(self, owner: Any, name: str, given: list[Any]) -> Any:
        """A method that changes something of which it is not known what it is, or what is in it."""
        kind = self.memory.loose_kind(owner)
        value, key = None, None
        if kinds.is_opaque(kind) and name not in _ADDING_AT_END:
            raise Stop(f"`{name}` of what is no plain data")
        match name, given:
            case (("append" | "appendleft" | "add" | "discard" | "remove"), [item]):
                value = self.memory.loose_kind(item) if name in _ADDING_AT_END else self.kind(item)
            case "update", [items] if kind.only(Counter):
                of = self.kind(items)
                if of.types & MAPPINGS and (of.item is not None and not of.item.within(NUMBERS)):
                    raise Stop("`update` of a counter with what are no numbers")
                if not of.within(CONTAINERS | {str}):
                    raise Stop("`update` with what is not known")
                value, key = INT, STR if of.only(str) else join(of.key, of.item) if of.types & MAPPINGS else of.item
                value = join(value, of.item) if of.types & MAPPINGS else value
            case "update", [items] if kind.within(MAPPINGS):
                of = self.kind(items)
                value, key = of.item, of.key
                if of.within(CONTAINERS - MAPPINGS) and of.item is not None and _is_pair(of.item):
                    value = key = of.item.item
                elif not of.within(MAPPINGS):
                    raise Stop("`update` with what may be no pairs")
            case (("extend" | "update"), [items]) if not (self.kind(items).types & MAPPINGS):
                if not self.kind(items).within(CONTAINERS | {str}):
                    raise Stop(f"`{name}` with what is not known")
                value = STR if self.kind(items).only(str) else self.kind(items).item
            case (("difference_update" | "intersection_update"), [items]) if kind.only(set):
                if not self.kind(items).within(CONTAINERS | {str}) or not kinds.is_hashable(self.kind(items).item):
                    raise Stop(f"`{name}` with what is not known")
            case "setdefault", [first, second]:
                value, key = self.kind(second), self.kind(first)
            case (("clear" | "sort" | "reverse"), []):
                if name == "sort" and not kinds.are_ordered(kind.item):
                    raise Stop("`sort` of what may not be ordered")
            case _:
                raise Stop(f"`{name}` of what is not known")
        if name == "remove":
            self.may_raise(Unknown(PLAIN), ValueError, KeyError)
        if (kind.types & {set} and not kinds.is_hashable(value)) or not kinds.is_hashable(key):
            raise Stop("what may not fit into a dict or set")
        if Counter in kind.types:
            value = join(INT, value)
        if isinstance(owner, Unknown):
            if owner.is_knowable or not kind.within(MUTABLE):
                raise Stop(f"`{name}` changes what is made of an answer")
            self.memory.change_unknown(owner, lambda of: kinds.widened(of, kind.types, value, key), given)
        else:
            self.memory.make_vague(owner, Kind(kind.types, value, key))
            self.memory.hide(given)
        if name != "setdefault":
            return None
        kind_now = self.kind(owner).item
        return Unknown(kind_now or PLAIN, (*self._aliases(owner), given[1]))

    def _change(self, owner: Any, name: str, given: list[Any], named: Mapping[str, Any]) -> Steps:
        """A method that changes a list, dict or set."""
        yield from ()
        if not self.are_certain(owner):
            if named:
                raise Stop(f"`{name}` with names")
            return self._change_unknown(owner, name, given)
        kind = type(owner)
        are_plain = all(map(self.memory.is_plain, given)) and all(map(self.memory.is_plain, named.values()))
        if kind is set or kind is Counter or name in ("popleft", "rotate", "most_common", "subtract", "popitem"):
            if not are_plain or not self.memory.is_plain(owner):
                if named:
                    raise Stop(f"`{name}` with names")
                return self._change_unknown(owner, name, given)
            return self.run(self._bound(self.memory.changed(owner, adds=name in _ADDING), name), given, named)
        if kind in MAPPINGS:
            return self._change_mapping(owner, name, given, named)
        if name == "sort":
            return (yield from self._sort(owner, named))
        if name in ("extend", "extendleft") and not isinstance(given[0], Unknown) and self.are_certain(given[0]):
            for item in (yield from self.listed(given[0])):
                self.memory.changed(owner, adds=True).append(self.kept(owner, item))
            return None
        if isinstance(given[-1] if given else None, Unknown) and name in ("append", "appendleft"):
            changed = self.memory.changed(owner, adds=True)
            return self.run(self._bound(changed, name), [self.kept(changed, given[0])])
        if name in ("append", "appendleft", "clear", "reverse") or (are_plain and name in ("pop", "insert", "remove")):
            if name == "remove" and not self.memory.is_plain(owner):
                raise Stop("`remove` where not all is known")
            changed = self.memory.changed(owner, adds=name in _ADDING)
            kept = [self.kept(changed, value) for value in given]
            return self.memory.load(self.run(self._bound(changed, name), kept))
        if name == "insert" and self.memory.is_plain(given[0]):
            self.run(self.memory.changed(owner, adds=True).insert, given)
            return None
        return self._change_unknown(owner, name, given)

    def _sort(self, owner: Any, named: Mapping[str, Any]) -> Steps:
        made = yield from self._sorted(sorted, [owner], dict(named))
        if isinstance(made, Unknown):
            self.memory.make_vague(owner, made.kind)
        else:
            self.memory.changed(owner)[:] = made

    def _change_mapping(self, owner: Any, name: str, given: list[Any], named: Mapping[str, Any]) -> Any:
        if name == "update":
            for source in [*given, named]:
                if type(source) in MAPPINGS and self.are_certain(source):
                    for key in list(source):
                        self.put(owner, key, self.memory.load(source[key]))
                elif type(source) in (list, tuple) and self.are_certain(source):
                    for pair in source:
                        if type(pair) not in (tuple, list) or len(pair) != 2:
                            raise Stop("`update` with what are no pairs")
                        self.put(owner, pair[0], pair[1])
                else:
                    self._change_unknown(owner, name, [source])
            return None
        if named or not given or not self.memory.is_plain(given[0]):
            return self._change_unknown(owner, name, given)
        if name == "setdefault":
            if not self.run(lambda: given[0] in owner, []):
                self.put(owner, given[0], given[1] if len(given) > 1 else None)
            return self.memory.load(self.memory.load(owner)[given[0]])
        if name == "pop":
            found = self.run(self.memory.changed(owner).pop, given)
            return self.memory.load(found)
        raise Stop(f"`{name}` of a dict")


_CHANGING = """
    append appendleft extend extendleft insert pop popleft popitem remove clear sort reverse rotate update setdefault
    add discard subtract difference_update intersection_update symmetric_difference_update
"""

_CHANGES = frozenset(_CHANGING.split())
"""Methods that change what they are methods of."""

_ADDING_AT_END = frozenset(("append", "appendleft"))

_ADDING = frozenset(("append", "appendleft", "insert", "add", "extend"))
"""Those after which all that was there is there still."""

_USING_UP = """
    union intersection difference symmetric_difference issubset issuperset isdisjoint difference_update
    intersection_update symmetric_difference_update subtract
"""
_TAKING = frozenset(_USING_UP.split())
"""Methods that use up an iterator, beside those of which more is known."""

_TEXT_TO_TEXT = """
    strip lstrip rstrip lower upper title capitalize casefold swapcase replace removeprefix removesuffix zfill ljust
    rjust center expandtabs
"""

_TEXT_TO_BOOL = """
    startswith endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace
    istitle isupper
"""

_STR_METHODS: MappingProxyType[str, Kind] = MappingProxyType(
    {
        **dict.fromkeys(_TEXT_TO_TEXT.split(), STR),
        **dict.fromkeys(_TEXT_TO_BOOL.split(), BOOL),
        **dict.fromkeys(("find", "rfind", "count"), INT),
        **dict.fromkeys(("split", "rsplit", "splitlines"), list_of(STR)),
    }
)
"""Methods of a text that fail for no text, if they do not fail for the empty one; and what they give."""


_OF_TEXT = frozenset(("strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize"))
"""Methods of nothing but text and bytes; where they are given nothing, they give what they are methods of."""


def _fails_by_type_only(name: str, given: Sequence[Kind]) -> bool:
    """Can a method of plain data raise nothing but AttributeError?"""
    if name == "get":  # of dicts only
        return len(given) in (1, 2) and kinds.is_hashable(given[0])
    return name in _OF_TEXT | {"items", "keys", "values"} and not given


def _is_trimmed(text: str) -> bool:
    return text == text.strip()


def _has_no_letters(text: str) -> bool:
    return text.isascii() and not any(letter.isalpha() for letter in text)


_KEEPING: MappingProxyType[str, Callable[[str], bool]] = MappingProxyType(
    {
        **dict.fromkeys(("strip", "lstrip", "rstrip"), _is_trimmed),
        **dict.fromkeys(("lower", "upper", "casefold"), _has_no_letters),
    }
)
"""Methods after which a text that is in another is in it still."""


def _is_pair(kind: Kind) -> bool:
    return kind.only(list, tuple) and kind.least == 2 and kind.is_exact


def _is_held(kind: Kind, part: Any) -> bool:
    """Is it certain that a part is in a text?"""
    return type(part) is str and any(part in text for text in kind.holds)


def _split(kind: Kind, given: Sequence[Any], named: Mapping[str, Any]) -> Kind:
    """The kind of what `split` gives at a separator."""
    if not given[0] or not _is_held(kind, given[0]):
        return list_of(STR, least=1)
    most = given[1] if len(given) > 1 else named.get("maxsplit", -1)
    if type(most) is not int or most == 0:
        return list_of(STR, least=1)
    return Kind(frozenset((list,)), STR, least=2, is_exact=most == 1)


_LOOKS_INSIDE = re.compile(r"\{[^{}]*[\[.:!]")
"""A field of a format string that is more than a name or a number."""

_MISSING = object()
