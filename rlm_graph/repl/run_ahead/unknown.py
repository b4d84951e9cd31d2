"""Values that are not known yet, and the conditions that hang on them.

A call's answer is an `Answer`. What the code makes of it is `Derived`: it is computed when the answer has come and
somebody needs it. An `Unknown` that is nothing more will never be known ahead of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rlm_graph.repl.run_ahead.kinds import FLOAT, MUTABLE, Kind

MAX_DEPTH = 40
"""Steps from an answer to what is derived from it; beyond that it is not followed."""

MAX_FROZEN = 10_000
"""Items of the lists and dicts that something derived may use: they are copied, because the code may change them."""


class NotYet(Exception):  # noqa: N818 - no error: an answer has not come
    """Something hangs on an answer that has not come."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class Never(Exception):  # noqa: N818 - no error
    """It will not be known ahead of the code."""


class Unknown:
    """A value of which only the kind is known.

    Args:
        kind: What is certain of it.
        aliases: Lists, dicts and sets of the code of which it may be one.
    """

    __slots__ = ("aliases", "kind")
    depth: int = 0
    is_knowable: bool = False

    def __init__(self, kind: Kind, aliases: tuple[Any, ...] = ()) -> None:
        self.kind = kind
        self.aliases = aliases

    def known(self) -> Any:
        """The value.

        Raises:
            NotYet: an answer that it needs has not come.
            Never: it cannot be known.
            Exception: what the code's own operation raises.
        """
        raise Never

    def failure(self) -> Exception | None:
        """What is raised in place of the value; None if there is one."""
        raise Never


class Answer(Unknown):
    """What a call will give."""

    __slots__ = ("error", "has_come", "is_knowable", "value", "waiting")

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.is_knowable = True
        self.has_come = False
        self.value: Any = None
        self.error: Exception | None = None
        self.waiting: list[Any] = []

    def known(self) -> Any:
        """The answer."""
        if self.failure() is not None:
            raise Never
        return self.value

    def failure(self) -> Exception | None:
        """Why the call failed; None if it did not."""
        if not self.has_come:
            raise NotYet(self)
        return self.error


class Derived(Unknown):
    """What a pure function gives for arguments that are not all known."""

    __slots__ = ("_arguments", "_failure", "_function", "_value", "depth", "is_done")
    is_knowable = True

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], kind: Kind, depth: int) -> None:
        super().__init__(kind)
        self._function: Callable[..., Any] | None = function
        self._arguments = arguments
        self._value: Any = None
        self._failure: Exception | None = None
        self.depth = depth
        self.is_done = False

    def known(self) -> Any:
        """What the function gives; computed once."""
        if not self.is_done:
            arguments = [known(argument) for argument in self._arguments]
            assert self._function is not None
            try:
                self._value = self._function(*arguments)
            except Exception as error:  # whatever the code's operation raises is what the code will meet
                self._failure = error
            self.is_done, self._function, self._arguments = True, None, ()
        if self._failure is not None:
            raise self._failure
        return self._value

    def failure(self) -> Exception | None:
        """What the function raises for these arguments; None if it does not."""
        try:
            self.known()
        except (NotYet, Never):
            raise
        except Exception:
            return self._failure
        return None


class Frozen:
    """A copy of a list, tuple, dict or set, in which some values are not known."""

    __slots__ = ("depth", "items", "make")

    def __init__(self, make: Callable[[Any], Any], items: list[Any]) -> None:
        self.make = make
        self.items = items
        self.depth = max((depth_of(item) for item in items), default=0)


def depth_of(value: Any) -> int:
    """How far a value is from the answers that it is derived from."""
    return value.depth if isinstance(value, Unknown | Frozen) else 0


def known(value: Any) -> Any:
    """A value itself, as soon as it can be known."""
    if isinstance(value, Unknown):
        return value.known()
    if isinstance(value, Frozen):
        return value.make([known(item) for item in value.items])
    return value


def clock() -> Unknown:
    """What a clock says: it differs each time."""
    return Unknown(FLOAT)


def may_change(kind: Kind) -> bool:
    """Can a value of this kind, or something in it, be changed in place?"""
    if kind.types & MUTABLE or object in kind.types:
        return True
    return kind.item is not None and may_change(kind.item)  # a tuple's


# Conditions. --------------------------------------------------------------------------------------------------------


class Condition:
    """Something that decides which way the code goes."""

    is_knowable: bool
    _decided: bool | None = None

    def holds(self) -> bool:
        """Is it so? Found out once: conditions hang on those before them, which hang on those before them.

        Raises:
            NotYet: an answer that it needs has not come.
            Never: it cannot be known.
        """
        if self._decided is None:
            self._decided = self._decide()
        return self._decided

    def _decide(self) -> bool:
        raise NotImplementedError


class Is(Condition):
    """An unknown value is the one that is expected."""

    def __init__(self, value: Unknown, expected: object) -> None:
        self._value = value
        self._expected = expected
        self.is_knowable = value.is_knowable

    def _decide(self) -> bool:
        return bool(self._value.known() == self._expected)


class All(Condition):
    """Each of some conditions holds."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self.is_knowable = all(condition.is_knowable for condition in conditions)

    def _decide(self) -> bool:
        # in order: what comes later may have no meaning where what comes before does not hold
        return all(condition.holds() for condition in self._conditions)


class AnyOf(Condition):
    """One of some conditions holds."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self.is_knowable = all(condition.is_knowable for condition in conditions)

    def _decide(self) -> bool:
        return any(condition.holds() for condition in self._conditions)


class Choice(Unknown):
    """The value that belongs to the condition which holds."""

    __slots__ = ("_options", "_value", "depth", "is_done")
    is_knowable = True

    def __init__(self, options: Sequence[tuple[Condition, Any]], kind: Kind) -> None:
        super().__init__(kind)
        self._options = options
        self._value: Any = None
        self.is_done = False
        self.depth = 1 + max(depth_of(value) for _, value in options)

    def known(self) -> Any:
        """That value."""
        if not self.is_done:
            chosen = next((value for condition, value in self._options if condition.holds()), _NONE_HOLDS)
            if chosen is _NONE_HOLDS:
                raise Never
            self._value = known(chosen)
            self.is_done, self._options = True, ()
        return self._value


_NONE_HOLDS = object()
