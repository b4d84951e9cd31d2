"""What a layer of the confinement is, and what is known about one on this machine."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple


class Layer:
    """One means of the kernel. Both steps raise an OSError when this machine does not have it."""

    name: ClassVar[str]
    does: ClassVar[str]
    """What it does, as a clause about the worker, for the table of `rlm-graph doctor`."""

    required: ClassVar[bool] = False
    """Whether a worker on Linux does not start without it, unless `sandbox="degraded"`."""

    def prepare(self) -> None:
        """What is done once, in the zygote, after the context is loaded.

        Raises:
            OSError: it cannot be done here.
            NotNeededError: there is nothing to do.
        """

    def apply(self) -> None:
        """What is done in each worker, right after it was forked.

        Raises:
            OSError: it cannot be done here.
        """


class NotNeededError(Exception):
    """The layer has nothing to do here, and nothing is lacking; the message says why."""


State = Literal["on", "missing", "not needed"]


class LayerStatus(NamedTuple):
    """One row of the table: a layer, and whether it works on this machine."""

    name: str
    does: str
    required: bool
    state: State
    why: str
    """Why it is not on; empty if it is."""

    @property
    def is_available(self) -> bool:
        """Whether nothing is lacking."""
        return self.state != "missing"
