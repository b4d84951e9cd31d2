"""A run inside a node of somebody else's graph: whose checkpoints it uses, and what it is called there.

LangGraph keeps a nested run in the namespace of the task that has called it, and tells several of them in one task
apart by counting: in a node that carries out parallel tool calls, a resumed run gets whichever place comes first, and
what was kept there, not what it was asked. And a task is named by its checkpoint, which may not have been written when
the process died. So a run of ours has a namespace below its task's, and a name in the journal, that follow from what
it was asked for: by which tool call, at which place of the conversation. Interrupts, streams and checkpoints pass
through as for any nested graph.

This uses names of LangGraph's that are not documented; `tests/test_agents_tool.py` says when they change.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig, ensure_config
from langgraph.config import get_stream_writer

from rlm_graph.answers import digest
from rlm_graph.graph import RLMGraph
from rlm_graph.state import RLMInput
from rlm_graph.steps import BEGUN_AS_KEY, PATH_KEY, SCOPE_KEY, TREE_KEY

_CHECKPOINTER = "__pregel_checkpointer"
_READ = "__pregel_read"
_RESUMING = "__pregel_resuming"
_RUNTIME = "__pregel_runtime"
_SCRATCHPAD = "__pregel_scratchpad"
_STREAM = "__pregel_stream"
_TASK_ID = "__pregel_task_id"


def checkpointer() -> Any:
    """The checkpointer of the graph that calls; None where there is no such graph, or it has none.

    None in a cell of an RLM, too: what its tools have returned is in its journal, and they are called in async code,
    which not every checkpointer of a sync run can serve.
    """
    own = _surroundings()
    return None if SCOPE_KEY in own else own.get(_CHECKPOINTER)


def thread_id() -> str | None:
    """The thread of the graph that calls, where it is checkpointed."""
    found = _surroundings().get("thread_id")
    return str(found) if found is not None and checkpointer() else None


def task() -> str:
    """The name of the task that calls; "" where there is none. It is another one if its checkpoint was lost."""
    return str(_surroundings().get("checkpoint_ns") or "")


@contextmanager
def begun(name: str, *asked: str) -> Iterator[RunnableConfig]:
    """The config for a run inside a node.

    A run that failed, or was interrupted, is gone on with when the same is asked again; after one that ended, the same
    question is a new one.

    Args:
        name: What the run is called in namespaces, such as the tool's name: without ":" and "|".
        asked: What tells it from other runs of the thread, and is the same when the node is carried out again.
    """
    own = _surroundings()
    if _TASK_ID not in own:
        # What nobody has named cannot be gone on with, and a graph's own checkpointer would ask for the name.
        yield {} if "thread_id" in own else {"configurable": {**own, _CHECKPOINTER: None}}
        return
    if SCOPE_KEY in own:  # called in a cell's tree of calls, but no part of it
        yield {"configurable": {TREE_KEY: None, PATH_KEY: None, _CHECKPOINTER: None}}
        return
    question = digest(name, *asked)
    number = _taken.take(own, question)
    called = digest(question, str(number))[:32]
    place = {
        "checkpoint_ns": f"{own['checkpoint_ns']}|{name}:{called}",
        _SCRATCHPAD: dataclasses.replace(own[_SCRATCHPAD], subgraph_counter=lambda: 0),
        _RESUMING: True,
        BEGUN_AS_KEY: called,
    }
    try:
        yield {"configurable": {**own, **place}}
    except BaseException:
        _taken.give_back(own, question, number)
        raise


class _Taken:
    """The how-manieth of each question of a task a run is: the first that is neither asked now nor answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By what LangGraph makes anew whenever it prepares a task.
        self._numbers: WeakKeyDictionary[Any, dict[tuple[int, str], set[int]]] = WeakKeyDictionary()

    def take(self, own: dict[str, Any], question: str) -> int:
        with self._lock:
            taken = self._of(own, question)
            number = next(number for number in itertools.count() if number not in taken)
            taken.add(number)
        return number

    def give_back(self, own: dict[str, Any], question: str, number: int) -> None:
        with self._lock:
            self._of(own, question).discard(number)

    def _of(self, own: dict[str, Any], question: str) -> set[int]:
        info = own[_RUNTIME].execution_info
        attempt = 0 if info is None else info.node_attempt
        return self._numbers.setdefault(own[_READ], {}).setdefault((attempt, question), set())


_taken = _Taken()


def run(rlm: RLMGraph, asked: RLMInput, config: RunnableConfig) -> dict[str, Any]:
    """Run a graph in a node, and pass its events on to who streams the outer graph in mode `custom`."""
    tell = _listener()
    if tell is None:
        answered: dict[str, Any] = rlm.invoke(asked, config)
        return answered
    result: dict[str, Any] = {}
    for mode, chunk in rlm.stream(asked, config, **_told(rlm)):
        result = _passed_on(mode, chunk, tell) or result
    return result


async def arun(rlm: RLMGraph, asked: RLMInput, config: RunnableConfig) -> dict[str, Any]:
    """As `run`."""
    tell = _listener()
    if tell is None:
        answered: dict[str, Any] = await rlm.ainvoke(asked, config)
        return answered
    result: dict[str, Any] = {}
    async for mode, chunk in rlm.astream(asked, config, **_told(rlm)):
        result = _passed_on(mode, chunk, tell) or result
    return result


def _told(rlm: RLMGraph) -> dict[str, Any]:
    return {"stream_mode": ["custom", "values"], "output_keys": rlm.output_channels}


def _passed_on(mode: str, chunk: Any, tell: Callable[[Any], None]) -> dict[str, Any] | None:
    if mode == "custom":
        tell(chunk)
        return None
    assert isinstance(chunk, dict)
    return chunk


def _listener() -> Callable[[Any], None] | None:
    """Where the events of a nested run go; None: there is no outer graph, or it streams its subgraphs by itself."""
    own = _surroundings()
    return None if _TASK_ID not in own or _STREAM in own else get_stream_writer()


def _surroundings() -> dict[str, Any]:
    """The configurable of whatever calls."""
    return ensure_config()["configurable"]


__all__ = ["arun", "begun", "checkpointer", "run", "task", "thread_id"]
