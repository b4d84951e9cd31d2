"""A story is read: the checkpoints of a run's lineage say which steps there were, the journal what happened in each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, BaseMessage

from rlm_graph.blocking import run_blocking
from rlm_graph.context import ContextRef
from rlm_graph.context.materialize import load
from rlm_graph.errors import ConfigError, ContextError, RunNotFoundError
from rlm_graph.ledger import is_cache_hit
from rlm_graph.parser import parse_reply
from rlm_graph.state import role
from rlm_graph.story.entries import Asked, FindSlices, Found, StepEntries, shown, turn_of
from rlm_graph.story.lineage import Point, Step, read_lineage, steps
from rlm_graph.story.slices import MAX_CONTEXT_CHARS, SliceFinder
from rlm_graph.story.story import Cell, Part, Slice, Story, StoryStatus, Totals, Turn

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from rlm_graph.context import ContextStore
    from rlm_graph.graph import RLMGraph
    from rlm_graph.journal import Run
    from rlm_graph.ledger import ModelTotals


_ENDED = ("complete", "out_of_iterations", "out_of_budget", "no_answer")


def read_story(graph: RLMGraph, thread_id: str, *, checkpoint_id: str | None = None, prompts: bool = True) -> Story:
    """The story of a run's last question; that of a run that goes on, too. Nothing is changed, and no model is asked.

    It reads the checkpoints of the lineage of one state (what other branches of the thread did is not in it), and what
    the journal has of their steps. It blocks: in async code call it in a thread (`asyncio.to_thread`).

    Args:
        graph: The graph that carried the run out, or one with the same checkpointer, journal and context store.
        thread_id: The run.
        checkpoint_id: The state that the story ends with; None: the newest one, and what has happened since.
        prompts: Whether to find out which parts of the context stand in the prompts, for which the context is loaded.

    Raises:
        ConfigError: the graph has no checkpointer: nothing of its runs is kept.
        RunNotFoundError: there is no such run, or no such state of it.
        JournalError: the journal cannot be read.
    """
    return StoryReader(graph, thread_id, prompts=prompts).read(checkpoint_id)


class StoryReader:
    """Reads the story of a run again and again, while it goes on: the context is loaded once.

    Args:
        graph: As for `read_story`.
        thread_id: Likewise.
        prompts: Likewise.

    Raises:
        ConfigError: as `read_story`.
    """

    def __init__(self, graph: RLMGraph, thread_id: str, *, prompts: bool = True) -> None:
        saver = graph.checkpointer
        if saver is None or isinstance(saver, bool):
            raise ConfigError("the graph has no checkpointer, so nothing is kept of its runs: give create_rlm one")
        self._graph = graph
        self._saver: BaseCheckpointSaver[Any] = saver
        self._run = thread_id
        self._prompts = prompts
        self._searched: tuple[str, Searched] | None = None

    def read(self, checkpoint_id: str | None = None) -> Story:
        """The story, as it stands now.

        Raises:
            RunNotFoundError: as `read_story`.
            JournalError: likewise.
        """
        return _Reading(self._graph, self._saver, self._run, checkpoint_id).story(self._searched_context)

    def version(self) -> object:
        """Something that is another as soon as there is more to be read; it takes next to no time."""
        journaled = self._graph.journal.run(self._run)
        newest = self._saver.get_tuple({"configurable": {"thread_id": self._run}})
        return journaled, None if newest is None else newest.config["configurable"]["checkpoint_id"]

    def _searched_context(self, context: ContextRef | None) -> Searched:
        if context is None or not self._prompts:
            return Searched()
        if self._searched is None or self._searched[0] != context.sha256:
            self._searched = context.sha256, _searched(self._graph.repls.store, context)
        return self._searched[1]


class Searched:
    """The documents of a context, and what prompts have of them; what was found once is kept.

    Args:
        parts: The documents.
        finder: Finds parts of them; None: nothing is to be found.
        note: Why not.
    """

    def __init__(
        self, parts: tuple[Part, ...] = (), finder: SliceFinder | None = None, note: str | None = None
    ) -> None:
        self.parts = parts
        self.note = note
        self._finder = finder
        self._found: dict[str, tuple[Slice, ...]] = {}

    def find(self, call_id: str, prompt: str) -> tuple[Slice, ...]:
        """What the prompt of a sub-call has of the context."""
        if self._finder is None:
            return ()
        if call_id not in self._found:
            self._found[call_id] = self._finder.find(prompt)
        return self._found[call_id]


class _Reading:
    """One reading of a story."""

    def __init__(
        self, graph: RLMGraph, saver: BaseCheckpointSaver[Any], thread_id: str, checkpoint_id: str | None
    ) -> None:
        self._graph = graph
        self._run = thread_id
        self._journaled: Run | None = graph.journal.run(thread_id)
        self._entries: defaultdict[str, list[Found]] = defaultdict(list)
        # The checkpoints before the journal: what a step has written between the two is in both, not in neither.
        self._points = read_lineage(saver, thread_id, checkpoint_id) or self._unbegun(checkpoint_id)
        for scope, key, entry in run_blocking(graph.journal.story(thread_id)):
            self._entries[scope].append((key, entry))
        self._head = self._points[-1]
        self._is_newest = checkpoint_id is None
        self._notes: list[str] = []

    def _unbegun(self, checkpoint_id: str | None) -> list[Point]:
        """An empty state, for a run that the journal knows and that has no checkpoint yet."""
        if checkpoint_id is not None:
            raise RunNotFoundError(f"there is no checkpoint {checkpoint_id!r} of run {self._run!r}")
        if self._journaled is None:
            raise RunNotFoundError(
                f"there is no run {self._run!r} in the checkpoints: it has not begun, or was removed"
            )
        return [Point("", None, self._journaled.created_at, -1, "input", {}, ())]

    def story(self, searched_context: Callable[[ContextRef | None], Searched]) -> Story:
        """The story."""
        values = self._head.values
        context = ContextRef.from_state(values["context"]) if ContextRef.is_ref_state(values.get("context")) else None
        searched = searched_context(context)
        self._notes += [searched.note] if searched.note is not None else []
        turns, pending = self._turns(searched.find)
        status = self._status()
        started_at = next((point.written_at for point in self._points if point.source == "input"), None)
        started_at = started_at or (turns[0].started_at if turns else None) or self._points[0].written_at
        return Story(
            run=self._run,
            question=str(values.get("query") or (self._journaled.question if self._journaled else "") or ""),
            context=context,
            status=status,
            answered_by=values.get("answered_by"),
            answer=values.get("answer"),
            profile=values.get("profile"),
            started_at=started_at,
            ended_at=None if status == "running" else self._ended_at(turns),
            turns=turns,
            totals=_totals(values, turns, pending),
            models=_models(values, pending),
            exhausted=values.get("exhausted"),
            checkpoint_id=self._head.id or None,
            parts=searched.parts,
            from_command_line=self._journaled is not None and "question" in self._journaled.options,
            waiting=self._waiting() if status == "waiting" else (),
            notes=tuple(self._notes),
        )

    # The turns. -----------------------------------------------------------------------------------------------------

    def _turns(self, find: FindSlices) -> tuple[tuple[Turn, ...], StepEntries | None]:
        """The turns, and what the journal has of a step that has not come to its checkpoint."""
        self._find = find
        turns = self._inherited()
        for step in steps(self._points):
            self._take(turns, step)
        scope = self._head.next_scope(self._run) if self._is_newest else None
        found = self._entries.get(scope) if scope is not None else None
        pending = StepEntries(scope or "", found, self._find) if found else None
        if pending is not None:
            self._take_pending(turns, pending)
        return tuple(turns), pending

    def _take(self, turns: list[Turn], step: Step) -> None:
        """Add what a step did."""
        match step.after.next:
            case "execute_repl":
                turns.append(self._reply(step))
            case "truncate_observation" if turns and step.scope is not None:
                turns[-1] = self._ran(turns[-1], step)
            case "generate_code" | "finalize" if turns and step.scope is not None:
                seen = [str(message.text) for message in step.messages if role(message) == "observation"]
                if seen:
                    turns[-1] = replace(turns[-1], observation=seen[-1], cells=shown(turns[-1].cells, seen[-1]))

    def _reply(self, step: Step) -> Turn:
        """A turn whose reply is there."""
        found = StepEntries(step.scope or "", self._entries.get(step.scope or "", ()), self._find)
        messages = step.messages
        reply = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
        if reply is None and step.scope is None:
            reply = self._last_reply(step.after)
        asked = found.asked() or _as_asked(reply, step)
        if reply is not None:
            asked = replace(asked, reply=str(reply.text))
        cells = [Cell(code, "", 0, 0, None, None, ended=False) for code in step.after.values.get("cells") or ()]
        iteration = step.after.values.get("iterations", 0) + bool(step.after.values.get("last_question"))
        return turn_of(
            asked,
            cells,
            iteration=max(1, iteration),
            observation="",
            ended_at=None,
            checkpoint_id=step.before.id,
        )

    def _ran(self, turn: Turn, step: Step) -> Turn:
        """A turn whose cells have run: as the journal tells it, or as the state does where that has nothing."""
        assert step.scope is not None
        found = StepEntries(step.scope, self._entries.get(step.scope, ()), self._find)
        codes = [cell.code for cell in turn.cells]
        outcomes: Sequence[Mapping[str, Any]] = step.after.values.get("outcomes") or ()
        known = found.cells(codes)
        cells = []
        for at, outcome in enumerate(outcomes):
            cell = known[at] if at < len(known) else Cell(codes[at] if at < len(codes) else "", "", 0, 0, None, None)
            if not cell.ended or at >= len(known):
                cell = replace(
                    cell,
                    stdout=outcome["stdout"],
                    stdout_chars=outcome["stdout_chars"],
                    error=outcome["error"],
                    variables=dict(outcome["changed"]),
                    ended=True,
                )
            elif cell.error is None:  # an answer that was not accepted: the cell itself ran to its end
                cell = replace(cell, error=outcome["error"])
            cells.append(cell)
        return replace(turn, cells=tuple(cells), ended_at=found.ended_at() or step.after.written_at)

    def _take_pending(self, turns: list[Turn], pending: StepEntries) -> None:
        """Add what has happened since the last checkpoint."""
        if self._head.next == "generate_code" and (asked := pending.asked()) is not None:
            cells = [Cell(code, "", 0, 0, None, None, ended=False) for code in parse_reply(asked.reply).cells]
            iteration = self._head.values.get("iterations", 0) + 1
            turns.append(
                turn_of(asked, cells, iteration=iteration, observation="", ended_at=None, checkpoint_id=self._head.id)
            )
        elif self._head.next == "execute_repl" and turns:
            codes = [cell.code for cell in turns[-1].cells]
            known = pending.cells(codes)
            rest = [Cell(code, "", 0, 0, None, None, ended=False) for code in codes[len(known) :]]
            turns[-1] = replace(turns[-1], cells=(*known, *rest), ended_at=None)

    def _inherited(self) -> list[Turn]:
        """The turns that a fork has taken over from another run: their conversation, and nothing else."""
        first = self._points[0]
        if first.source == "input" or not first.values.get("iterations"):
            return []
        state = self._graph.get_state({"configurable": {"thread_id": self._run, "checkpoint_id": first.id}}).values
        start = state.get("turn_start", 0)
        said = [*self._history(state.get("history")), *_said(state["messages"][start + 1 :])]
        turns: list[Turn] = []
        iteration = codeless = 0
        for kind, text in said:
            if kind == "code":
                codes = parse_reply(text).cells
                codeless = 0 if codes else codeless + 1
                iteration += codeless != 1
                asked = Asked(text, "", None, 0.0, 0.0, 0, 0, None)
                cells = [Cell(code, "", 0, 0, None, None) for code in codes]
                turns.append(turn_of(asked, cells, iteration=max(1, iteration), observation="", ended_at=None))
            elif kind == "observation" and turns:
                turns[-1] = replace(turns[-1], observation=text)
        if turns:
            first_turns = "The first turn is" if len(turns) == 1 else f"The first {len(turns)} turns are"
            self._notes.append(
                f"{first_turns} from the run that this one was forked from, where their sub-calls are told."
            )
        return turns

    def _history(self, kept: str | None) -> list[tuple[str, str]]:
        """The conversation that was taken out of the messages."""
        if kept is None:
            return []
        store = self._graph.repls.store
        try:
            messages = cast("list[dict[str, str]]", load(store.local_manifest(store.open(kept))))
        except ContextError as error:
            self._notes.append(f"Older turns cannot be read: {error}")
            return []
        return [(message["role"], message["content"]) for message in messages]

    def _last_reply(self, point: Point) -> AIMessage | None:
        """The last reply in the messages of a state that somebody has written by hand."""
        state = self._graph.get_state({"configurable": {"thread_id": self._run, "checkpoint_id": point.id}}).values
        return next((m for m in reversed(state.get("messages", ())) if isinstance(m, AIMessage)), None)

    # All else. ------------------------------------------------------------------------------------------------------

    def _status(self) -> StoryStatus:
        found = self._head.values.get("status")
        if found in _ENDED and self._head.next is None:
            return cast(StoryStatus, found)
        journaled = self._journaled
        if not self._is_newest or journaled is None:
            return "unfinished"
        if journaled.alive:
            return "waiting" if journaled.status == "waiting" else "running"
        if journaled.status in ("waiting", "stopped", "failed"):
            return cast(StoryStatus, journaled.status)
        return "interrupted"

    def _ended_at(self, turns: Sequence[Turn]) -> float | None:
        """When the run came to its end, or when the last thing happened in it."""
        if self._head.next is None:
            return self._head.written_at
        ends = [turn.ended_at or turn.reply_ended_at or 0.0 for turn in turns]
        return max([self._head.written_at, *ends])

    def _waiting(self) -> tuple[str, ...]:
        config: Any = {"configurable": {"thread_id": self._run}}
        asked = [interrupt.value for interrupt in self._graph.get_state(config).interrupts]
        return tuple(
            str(request["text"])
            for value in asked
            if isinstance(value, dict)
            for request in value.get("rlm_requests", ())
        )


def _searched(store: ContextStore, context: ContextRef) -> Searched:
    if context.chars > MAX_CONTEXT_CHARS:
        return Searched(
            note=f"The context has {context.chars:,} characters: which parts of it were read is worked out for up to "
            f"{MAX_CONTEXT_CHARS:,}."
        )
    try:
        value = load(store.local_manifest(store.open(context.sha256)))
    except ContextError as error:
        return Searched(note=f"Which parts of the context were read cannot be said: {error}")
    named = _texts(value)
    if isinstance(value, str) and context.names:
        named = [(context.names[0], value)]
    parts = tuple(Part(name, len(text)) for name, text in named)
    return Searched(parts, SliceFinder(parts, [text for _, text in named]))


def _as_asked(reply: AIMessage | None, step: Step) -> Asked:
    """What a state says of a turn that the journal knows nothing of."""
    if reply is None:
        return Asked("", "", None, 0.0, 0.0, 0, 0, 0.0)
    usage = reply.usage_metadata
    return Asked(
        reply=str(reply.text),
        prompt="",
        model=reply.response_metadata.get("model_name"),
        started_at=step.before.written_at if step.scope is not None else 0.0,
        ended_at=step.after.written_at if step.scope is not None else 0.0,
        input_tokens=usage["input_tokens"] if usage else 0,
        output_tokens=usage["output_tokens"] if usage else 0,
        cost_usd=None,
    )


def _said(messages: Sequence[BaseMessage]) -> list[tuple[str, str]]:
    """Messages as pairs of role and text, without notes on turns that were taken out."""
    return [
        (role(message) or message.type, str(message.text))
        for message in messages
        if "until" not in (message.additional_kwargs.get("rlm") or {})
    ]


def _texts(value: object) -> list[tuple[str | None, str]]:
    """The texts of a context with their names; all strings of a member of a dict or list make one text."""
    if isinstance(value, str):
        return [(None, value)]
    if isinstance(value, dict):
        return [(str(key), "\n".join(_strings(member))) for key, member in value.items()]
    assert isinstance(value, list)
    return [(getattr(member, "name", None), "\n".join(_strings(member))) for member in value]


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [str(value)]
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for member in members for text in _strings(member)]


def _totals(values: Mapping[str, Any], turns: Sequence[Turn], pending: StepEntries | None) -> Totals:
    found = [] if pending is None else pending.all
    sub_calls = sum(entry.requests if key.kind == "llm_query" else key.kind == "rlm_query" for key, entry in found)
    costs = [values.get("cost_usd", 0.0), *(entry.cost_usd for _, entry in found)]
    return Totals(
        iterations=max(values.get("iterations", 0), turns[-1].iteration if pending is not None and turns else 0),
        sub_calls=values.get("sub_calls", 0) + sub_calls,
        requests=values.get("requests", 0) + sum(entry.requests for _, entry in found),
        cache_hits=values.get("cache_hits", 0) + sum(is_cache_hit(key, entry) for key, entry in found),
        ran_ahead=values.get("ran_ahead", 0),
        input_tokens=values.get("total_input_tokens", 0) + sum(entry.input_tokens for _, entry in found),
        output_tokens=values.get("total_output_tokens", 0) + sum(entry.output_tokens for _, entry in found),
        cost_usd=None if None in costs else sum(costs),
        elapsed_s=values.get("elapsed_s", 0.0),
    )


def _models(values: Mapping[str, Any], pending: StepEntries | None) -> dict[str, ModelTotals]:
    models: dict[str, Any] = {name: {**figures} for name, figures in values.get("models", {}).items()}
    for _, entry in [] if pending is None else pending.all:
        if not entry.model:
            continue
        of_model = models.setdefault(
            entry.model, {"requests": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
        )
        for name in ("requests", "input_tokens", "output_tokens"):
            of_model[name] += getattr(entry, name)
        unknown = of_model["cost_usd"] is None or entry.cost_usd is None
        of_model["cost_usd"] = None if unknown else of_model["cost_usd"] + entry.cost_usd
    return models
