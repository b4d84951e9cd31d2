"""What the journal has of one step of a run, as cells, sub-calls and the turns of children."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from rlm_graph.answers import child_path
from rlm_graph.journal.keys import Entry, Key
from rlm_graph.parser import parse_reply
from rlm_graph.story.story import Cell, Slice, SubCall, SubCallKind, Turn

FindSlices = Callable[[str, str], tuple[Slice, ...]]
"""Finds the parts of the context in the prompt of a sub-call: by the call's id, and the prompt."""

Found = tuple[Key, Entry]

_CALLS = ("llm_query", "rlm_query", "tool", "ask_user")
_ROOT = ("root", "direct")


@dataclass(frozen=True)
class Asked:
    """What the root model was asked in one turn, as the journal has it."""

    reply: str
    prompt: str
    model: str | None
    started_at: float
    ended_at: float
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class StepEntries:
    """The entries of one step, by where in the tree of calls they are.

    Args:
        scope: The step's name.
        entries: What the journal has under it.
        find_slices: Finds the parts of the context in their prompts.
    """

    def __init__(self, scope: str, entries: Iterable[Found], find_slices: FindSlices) -> None:
        self._scope = scope
        self._find_slices = find_slices
        self._by_path: defaultdict[str, list[Found]] = defaultdict(list)
        for key, entry in entries:
            self._by_path[key.path].append((key, entry))
        self._add_children_at_work()

    def _add_children_at_work(self) -> None:
        """Children that have not answered have no entries of their own yet: the cell that asked tells of them."""
        answered = {key for key, _ in self.all if key.kind == "rlm_query"}
        for cell, told in [found for found in self.all if found[0].kind == "cell" and not found[1].ended_at]:
            for digest, occurrence, began, prompt in json.loads(told.value).get("children", ()):
                key = Key(cell.path, cell.cell, "rlm_query", digest, occurrence)
                if key not in answered:
                    self._by_path[key.path].append((key, Entry("", started_at=began, prompt=prompt)))

    @property
    def all(self) -> list[Found]:
        """All of them, and the children at work."""
        return [found for entries in self._by_path.values() for found in entries]

    def asked(self, path: str = "") -> Asked | None:
        """The turn of the root model in this step; None if it has not answered."""
        return _asked([found for found in self._by_path.get(path, ()) if found[0].kind in (*_ROOT, "compaction")])

    def cells(self, codes: Sequence[str], path: str = "", node: str = "execute_repl") -> list[Cell]:
        """The cells of a reply; those of which nothing is known are left out.

        Args:
            codes: The reply's code, for cells that have not ended.
            path: Of the run or child.
            node: How the journal calls the cells, but for their numbers.
        """
        calls: defaultdict[str, list[Found]] = defaultdict(list)
        ends: dict[str, tuple[Mapping[str, Any], Entry]] = {}
        for key, entry in self._by_path.get(path, ()):
            if key.kind in _CALLS:
                calls[key.cell].append((key, entry))
            elif key.kind == "cell":
                ends[key.cell] = (json.loads(entry.value), entry)
        known = [name for at in range(max(len(codes), len(calls), len(ends)) + 1) if (name := f"{node} {at}")]
        return [
            self._cell(codes[at] if at < len(codes) else "", ends.get(name), calls.get(name, ()))
            for at, name in enumerate(known)
            if name in ends or name in calls
        ]

    def _cell(self, code: str, end: tuple[Mapping[str, Any], Entry] | None, calls: Sequence[Found]) -> Cell:
        asked = tuple(self._call(key, entry) for key, entry in sorted(calls, key=_when))
        if end is None:
            return Cell(code, "", 0, 0, None, None, calls=asked, ended=False)
        told, entry = end
        if "asked" in told:
            return Cell(
                code, "", 0, 0, None, None, calls=asked, started_at=entry.started_at, ended=False, asked=told["asked"]
            )
        return Cell(
            code=told["code"],
            stdout=told["stdout"],
            stdout_chars=told["stdout_chars"],
            shown_chars=0,
            error=told["error"],
            elapsed_s=told["elapsed_s"],
            variables=dict(told["variables"]),
            ran_ahead=told["ran_ahead"],
            calls=asked,
            started_at=entry.started_at,
            ended_at=entry.ended_at,
        )

    def ended_at(self, path: str = "") -> float | None:
        """When its last cell, or the last call in it, had ended."""
        return max((entry.ended_at for _, entry in self._by_path.get(path, ()) if entry.ended_at), default=None)

    def _call(self, key: Key, entry: Entry) -> SubCall:
        child_of = child_path(key)
        child = self._turns(child_of) if key.kind == "rlm_query" else ()
        below = self._sums(child_of) if key.kind == "rlm_query" else entry
        call_id = hashlib.sha256(f"{self._scope}{child_of}".encode()).hexdigest()[:16]
        return SubCall(
            id=call_id,
            kind=cast(SubCallKind, key.kind),
            prompt=entry.prompt,
            answer=text_of(entry) if key.kind == "llm_query" else entry.value,
            failed=entry.failed,
            model=entry.model,
            requests=below.requests,
            input_tokens=below.input_tokens,
            output_tokens=below.output_tokens,
            cost_usd=below.cost_usd,
            started_at=entry.started_at,
            ended_at=entry.ended_at or None,
            child=child,
            slices=self._find_slices(call_id, entry.prompt) if entry.prompt else (),
        )

    def _sums(self, path: str) -> Entry:
        """What a child and all below it have taken."""
        requests = input_tokens = output_tokens = 0
        cost_usd: float | None = 0.0
        paths = [path]
        while paths:
            for key, entry in self._by_path.get(paths.pop(), ()):
                requests += entry.requests
                input_tokens += entry.input_tokens
                output_tokens += entry.output_tokens
                cost_usd = None if cost_usd is None or entry.cost_usd is None else cost_usd + entry.cost_usd
                if key.kind == "rlm_query":
                    paths.append(child_path(key))
        return Entry("", requests=requests, input_tokens=input_tokens, output_tokens=output_tokens, cost_usd=cost_usd)

    def _turns(self, path: str) -> tuple[Turn, ...]:
        """The turns of a child. Its cells have no numbers in common with its turns, but come after them."""
        entries = self._by_path.get(path, [])
        replies = sorted((found for found in entries if found[0].kind in _ROOT), key=lambda found: found[1].ended_at)
        ends = [entry.ended_at for _, entry in replies]
        notes: defaultdict[int, list[Found]] = defaultdict(list)
        cells: defaultdict[int, set[str]] = defaultdict(set)
        last: dict[str, float] = {}
        for key, entry in entries:
            if key.kind == "compaction":
                notes[min(bisect_right(ends, entry.ended_at), len(ends) - 1)].append((key, entry))
            elif key.kind not in _ROOT:
                node = key.cell.rpartition(" ")[0]
                last[node] = max(last.get(node, 0.0), entry.ended_at or entry.started_at)
        for node, ended in last.items():
            cells[max(0, bisect_right(ends, ended) - 1)].add(node)
        turns: list[Turn] = []
        for number, reply in enumerate(replies):
            asked = _asked([reply, *notes[number]])
            assert asked is not None
            after = replies[number + 1][1].prompt if number + 1 < len(replies) else ""
            codes = parse_reply(asked.reply).cells
            found = [cell for node in sorted(cells[number]) for cell in self.cells(codes, path, node)]
            found = found or [Cell(code, "", 0, 0, None, None) for code in codes]
            times = [at for node in cells[number] if (at := last.get(node))]
            turns.append(turn_of(asked, found, iteration=number + 1, observation=after, ended_at=max(times, default=0)))
        return tuple(turns)


def turn_of(
    asked: Asked,
    cells: Sequence[Cell],
    *,
    iteration: int,
    observation: str,
    ended_at: float | None,
    checkpoint_id: str | None = None,
) -> Turn:
    """A turn, with how much of the cells' output the root model was shown."""
    return Turn(
        iteration=iteration,
        prompt=asked.prompt,
        reply=asked.reply,
        reasoning=reasoning(asked.reply),
        model=asked.model,
        started_at=asked.started_at or None,
        reply_ended_at=asked.ended_at or None,
        ended_at=ended_at or asked.ended_at or None,
        input_tokens=asked.input_tokens,
        output_tokens=asked.output_tokens,
        cost_usd=asked.cost_usd,
        cells=shown(cells, observation),
        observation=observation,
        checkpoint_id=checkpoint_id,
    )


def shown(cells: Sequence[Cell], observation: str) -> tuple[Cell, ...]:
    """Cells with how many characters of their output stand in the observation, which has a beginning of all of it."""
    printed = "".join(cell.stdout for cell in cells)
    if printed.rstrip() in observation:
        left = len(printed) if observation else 0
    else:
        left, beyond = 0, len(printed)
        while beyond - left > 1:
            middle = (left + beyond) // 2
            left, beyond = (middle, beyond) if printed[:middle] in observation else (left, middle)
    told = []
    for cell in cells:
        seen = min(left, len(cell.stdout))
        left -= seen
        told.append(replace(cell, shown_chars=seen))
    return tuple(told)


def reasoning(reply: str) -> str:
    """A reply without its code."""
    text = reply.replace("\r\n", "\n")
    for code in parse_reply(reply).cells:
        found = text.find(f"\n{code}")
        if found < 0:  # it was indented in the reply
            continue
        opening = text.rfind("\n", 0, found) + 1
        closing = text.find("\n", found + 1 + len(code) + 1)
        text = text[:opening].rstrip() + "\n\n" + ("" if closing < 0 else text[closing:].lstrip())
    return text.strip()


def text_of(entry: Entry) -> str:
    """The text of a model's reply; of a failure, its words."""
    if entry.failed is not None:
        return entry.value
    content = json.loads(entry.value)["data"]["content"]
    if isinstance(content, str):
        return content
    return "".join(block if isinstance(block, str) else str(block.get("text", "")) for block in content)


def _asked(found: Sequence[Found]) -> Asked | None:
    replies = [(key, entry) for key, entry in found if key.kind in _ROOT]
    if not replies:
        return None
    _, reply = max(replies, key=lambda one: one[1].ended_at)
    costs = [entry.cost_usd for _, entry in found]
    return Asked(
        reply=text_of(reply),
        prompt=reply.prompt,
        model=reply.model,
        started_at=min(entry.started_at for _, entry in found),
        ended_at=reply.ended_at,
        input_tokens=sum(entry.input_tokens for _, entry in found),
        output_tokens=sum(entry.output_tokens for _, entry in found),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def _when(found: Found) -> float:
    return found[1].started_at
