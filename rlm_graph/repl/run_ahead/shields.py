"""What may be raised on the way: by a call that fails, or by what is made of an answer; and who catches it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_graph.repl.run_ahead.kinds import INT
from rlm_graph.repl.run_ahead.unknown import Condition, Unknown


class CodeError(Exception):
    """The code raises this exception, here."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@dataclass(frozen=True)
class Point:
    """Something in the body of a `try` that may raise: an answer, when its call fails, or what is made of one."""

    conditions: tuple[Condition, ...]
    """The code gets there if all of these hold."""

    value: Unknown
    inner: tuple[Shield, ...]
    """The `try` statements inside this one that it is in, too."""

    def error(self) -> Exception | None:
        """What is raised, if anything is that the inner `try` statements do not catch.

        Raises:
            NotYet: an answer that it needs has not come.
            Never: it cannot be known.
        """
        if not all(condition.holds() for condition in self.conditions):
            return None
        error = self.value.failure()
        if error is None or any(shield.catches(error) is not None for shield in self.inner):
            return None
        return error


@dataclass(eq=False)
class Shield:
    """A `try` statement: the scout is in its body, or goes the way on which nothing is raised there."""

    handlers: tuple[tuple[type[BaseException], ...], ...]
    """What each of them catches."""

    points: list[Point] = field(default_factory=list)

    has_operations: bool = False
    """Some of the points are no calls: what follows them is certain only when they are known."""

    leaving: set[int] = field(default_factory=set)
    """Handlers after which the code does not go on as the scout does: a call that fails there ends the plan."""

    is_open: bool = True
    """The scout is in the body."""

    failed: int | None = None
    """The handler that has caught the failure of a call."""

    def catches(self, error: type[BaseException] | BaseException) -> int | None:
        """The handler that catches an exception; None if none does."""
        kind = error if isinstance(error, type) else type(error)
        return next((at for at, types in enumerate(self.handlers) if issubclass(kind, types)), None)


NOTHING_RAISED = -1


class Raised(Unknown):
    """Which handler catches what the first points of a `try` raise; `NOTHING_RAISED` if they do not."""

    __slots__ = ("_points", "_shield")

    def __init__(self, shield: Shield) -> None:
        super().__init__(INT)
        self._shield = shield
        self._points = tuple(shield.points)

    @property
    def is_knowable(self) -> bool:  # type: ignore[override] # of a value that is derived it is a constant
        """Are all of them?"""
        return all(
            point.value.is_knowable and all(condition.is_knowable for condition in point.conditions)
            for point in self._points
        )

    def known(self) -> int:
        """The handler's place."""
        for point in self._points:
            error = point.error()
            if error is not None:
                found = self._shield.catches(error)
                return NOTHING_RAISED if found is None else found
        return NOTHING_RAISED
