"""The checkpoints that lead to a state, oldest first, and the steps between them.

A thread's checkpoints are a tree: a fork or a time travel leaves branches. A lineage is one way through it, from the
input of the last question to a state, found by each checkpoint's parent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from rlm_graph.steps import scope_after

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

_BRANCH = "branch:to:"
"""How LangGraph's channels begin that say which node comes next."""


@dataclass(frozen=True)
class Point:
    """A checkpoint."""

    id: str
    parent: str | None
    written_at: float
    """Seconds since 1970."""

    number: int
    """LangGraph's count of steps in the thread."""

    source: str
    """What wrote it: "input", "loop" (a step), "update" or "fork" (somebody's hand)."""

    values: Mapping[str, Any]
    """The channels, without `messages`, of which a checkpoint holds no more than a mark."""

    writes: Sequence[tuple[str, str, Any]]
    """What was written next, by whichever branch: task, channel, value."""

    @property
    def next(self) -> str | None:
        """The node that comes next; None: the run has come to its end."""
        return next((name[len(_BRANCH) :] for name in self.values if name.startswith(_BRANCH)), None)

    @property
    def trail(self) -> str:
        """Number and scope of the step that made it, if one of ours did (`Step.trail`)."""
        return str(self.values.get("trail") or ":")

    @property
    def scope(self) -> str:
        """The scope of that step."""
        return self.trail.partition(":")[2]

    def next_scope(self, run: str) -> str | None:
        """The scope that the step after this checkpoint has, as `steps.current_step` names it; None: there is none."""
        if self.next is None:
            return None
        return scope_after(self.trail, self.next, self.number + 1, run=run, checkpoint=self.id)

    def written_for(self, made: Point, channel: str) -> list[Any]:
        """What the step that made the checkpoint after this one wrote to a channel."""
        tasks = {task for task, name, value in self.writes if name == "trail" and value == made.trail}
        return [value for task, name, value in self.writes if name == channel and task in tasks]


@dataclass(frozen=True)
class Step:
    """From one checkpoint to the next."""

    before: Point
    after: Point

    @property
    def scope(self) -> str | None:
        """Its name in the journal; None where somebody's hand has made it."""
        return self.after.scope if self.after.source == "loop" and self.after.trail != self.before.trail else None

    @property
    def messages(self) -> list[BaseMessage]:
        """The messages that it added to the conversation."""
        written = self.before.written_for(self.after, "messages")
        return [message for value in written for message in (value if isinstance(value, list) else [value])]


def read_lineage(saver: BaseCheckpointSaver[Any], run: str, checkpoint_id: str | None) -> list[Point]:
    """The checkpoints from the last question's input to a checkpoint, or to the newest one; none if it is not there."""
    chosen = {} if checkpoint_id is None else {"checkpoint_id": checkpoint_id}
    config: RunnableConfig | None = {"configurable": {"thread_id": run, "checkpoint_ns": "", **chosen}}
    points: list[Point] = []
    # One by one: a `list` that is not read to its end keeps the lock of AsyncSqliteSaver.
    while config is not None and (found := saver.get_tuple(config)) is not None:
        points.append(point := _point(found))
        config = None if point.source == "input" else found.parent_config
    return points[::-1]


def _point(found: CheckpointTuple) -> Point:
    checkpoint = found.checkpoint
    values = dict(checkpoint["channel_values"])
    if isinstance(started := values.pop("__start__", None), dict):  # the input, before any node has seen it
        values = {**started, **values}
    values.pop("messages", None)
    parent = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None
    return Point(
        id=found.config["configurable"]["checkpoint_id"],
        parent=parent,
        written_at=datetime.fromisoformat(checkpoint["ts"]).timestamp(),
        number=int(found.metadata.get("step", 0)),
        source=str(found.metadata.get("source", "")),
        values=values,
        writes=found.pending_writes or (),
    )


def steps(points: Sequence[Point]) -> list[Step]:
    """The steps between checkpoints."""
    return [Step(before, after) for before, after in pairwise(points)]
