"""What stderr shows while a batch goes on: a line per question, on a terminal below them what happens now, a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.text import Text

from rlm_graph.cli.progress import duration, spent_by
from rlm_graph.cli.screen import Screen, counted, money

if TYPE_CHECKING:
    from rich.live import Live

    from rlm_graph.cli.batch import Question
    from rlm_graph.events import RLMEvent

_STATUSES = ("complete", "out_of_iterations", "out_of_budget", "no_answer", "failed", "waiting")
_FORCED = ("out_of_iterations", "out_of_budget")
_UNANSWERED = ("no_answer", "failed")


@dataclass
class _Sums:
    """Figures of some questions."""

    ends: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_STATUSES, 0))
    """How many have ended how."""

    sub_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    elapsed_s: float = 0.0

    def add(self, state: Mapping[str, Any], sign: int = 1) -> None:
        self.sub_calls += sign * (state.get("sub_calls") or 0)
        self.input_tokens += sign * (state.get("total_input_tokens") or 0)
        self.output_tokens += sign * (state.get("total_output_tokens") or 0)
        cost_usd = state.get("cost_usd", 0.0)
        self.cost_usd = None if cost_usd is None or self.cost_usd is None else self.cost_usd + sign * cost_usd
        self.elapsed_s += sign * (state.get("elapsed_s") or 0.0)

    def of(self, *statuses: str) -> int:
        return sum(self.ends[status] for status in statuses)

    def told(self) -> dict[str, Any]:
        """For --json."""
        return {
            "answered": self.of("complete"),
            "forced": self.of(*_FORCED),
            "failed": self.of(*_UNANSWERED),
            "waiting": self.of("waiting"),
            "sub_calls": self.sub_calls,
            "total_input_tokens": self.input_tokens,
            "total_output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd if self.cost_usd is None else round(self.cost_usd, 9),
        }


class Followed:
    """One question that is being carried out."""

    def __init__(self, batch: BatchProgress, question: Question, spending: Callable[[], None]) -> None:
        self.question = question
        self.state: dict[str, Any] = {}
        """The run's own figures, as far as they are known."""

        self.before: dict[str, Any] = {}
        """Likewise, when this process began with it."""

        self._batch = batch
        self._spending = spending
        self._started = time.monotonic()

    @property
    def cost_usd(self) -> float:
        """What the run has cost so far, as far as that is known."""
        return self.state.get("cost_usd") or 0.0

    def goes_on(self, state: Mapping[str, Any]) -> None:
        """The run was begun by an earlier process, and has come to this state."""
        self.before = dict(state)
        self.totals(state)

    def event(self, event: RLMEvent) -> None:
        """Something happened in the run."""
        self.state |= spent_by(event)
        self._spending()

    def totals(self, state: Mapping[str, Any]) -> None:
        """The run's own figures, after each of its steps."""
        self.state |= state
        self._spending()

    def pause(self) -> None:
        """The run waits for a person."""

    def stopped(self) -> None:
        """It has no result yet."""
        self._batch.ended(self, None, 0.0)

    def ended(self, result: Mapping[str, Any]) -> None:
        """It has a result."""
        self._batch.ended(self, result, time.monotonic() - self._started)


class BatchProgress:
    """Follows a batch and shows it; a context manager around its work.

    Args:
        screen: Where it shows.
        questions: How many there are.
        quiet: Show only what has failed, and the table.
    """

    def __init__(self, screen: Screen, questions: int, *, quiet: bool) -> None:
        self._screen = screen
        self._questions = questions
        self._quiet = quiet
        self._now, self._in_all = _Sums(), _Sums()
        self._running: list[Followed] = []
        self._began = time.monotonic()
        self._live: Live | None = None
        self._spinner = Spinner("dots")

    @property
    def cost_usd(self) -> float:
        """What all questions have cost, those of earlier times and those that go on among them."""
        return (self._in_all.cost_usd or 0.0) + sum(followed.cost_usd for followed in self._running)

    def __enter__(self) -> Self:
        if self._screen.is_terminal and not self._quiet:
            self._live = self._screen.live(self._at_work)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def found(self, result: Mapping[str, Any]) -> None:
        """A question had its result before."""
        self._in_all.add(result)
        self._in_all.ends[result["status"]] += 1

    def begin(self, question: Question, spending: Callable[[], None]) -> Followed:
        """A question is carried out.

        Args:
            question: The question.
            spending: Called whenever it may have cost more.
        """
        self._running.append(followed := Followed(self, question, spending))
        return followed

    def ended(self, followed: Followed, result: Mapping[str, Any] | None, seconds: float) -> None:
        """A question is no longer carried out; None: it has no result yet."""
        self._running.remove(followed)
        self._in_all.add(followed.state)
        self._now.add(followed.state)
        self._now.add(followed.before, -1)
        if result is None:
            return
        for sums in (self._now, self._in_all):
            sums.ends[result["status"]] += 1
        self._tell(followed.question, result, seconds)

    def _tell(self, question: Question, result: Mapping[str, Any], seconds: float) -> None:
        status, why = result["status"], ""
        if status == "failed":
            why = f": {result['error']['message'].splitlines()[0]}"
        elif status == "waiting":
            why = f": rlm-graph resume {result['run']}"
        parts = [status.replace("_", " ")]
        if result["iterations"]:
            parts.append(counted(result["iterations"], "iteration"))
        if result["sub_calls"]:
            parts.append(counted(result["sub_calls"], "sub-call"))
        if result["cost_usd"]:
            parts.append(money(result["cost_usd"]))
        is_bad = status in (*_UNANSWERED, "waiting")
        if is_bad or not self._quiet:
            place = f"{self._in_all.of(*_STATUSES):,}/{self._questions:,} {question.shown_id}"
            told = ", ".join([*parts, duration(seconds)])
            self._screen.say(f"{place}: {told}{why}", style="yellow" if is_bad else "dim", at_words=not is_bad)

    def summary(self) -> dict[str, Any]:
        """For --json."""
        seconds = time.monotonic() - self._began
        return {
            "questions": self._questions,
            **self._in_all.told(),
            "unanswered": self._questions - self._in_all.of(*_STATUSES),
            "this_time": {**self._now.told(), "elapsed_s": round(seconds, 3)},
        }

    def tell_summary(self, results: str) -> None:
        """The table."""
        now, in_all = self._now, self._in_all
        rows = [
            ("answered", now.of("complete"), in_all.of("complete")),
            ("forced", now.of(*_FORCED), in_all.of(*_FORCED)),
            ("failed", now.of(*_UNANSWERED), in_all.of(*_UNANSWERED)),
            ("waiting", now.of("waiting"), in_all.of("waiting")),
            ("not answered", 0, self._questions - in_all.of(*_STATUSES)),
            ("sub-calls", now.sub_calls, in_all.sub_calls),
            ("input tokens", now.input_tokens, in_all.input_tokens),
            ("output tokens", now.output_tokens, in_all.output_tokens),
        ]
        lines = [("", "this time", "in all")]
        lines += [(name, f"{one:,}", f"{all_:,}") for name, one, all_ in rows if all_ or name == "answered"]
        if in_all.cost_usd != 0:
            lines.append(("cost", _cost(now), _cost(in_all)))
        lines.append(("time", duration(time.monotonic() - self._began), duration(in_all.elapsed_s)))
        widths = [max(len(line[column]) for line in lines) for column in range(3)]
        for number, (name, *cells) in enumerate(lines):
            numbers = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
            self._screen.say(f"{name.ljust(widths[0])}  {numbers}", style="" if number else "dim")
        self._screen.say(f"results: {results}")

    def _at_work(self) -> RenderableType:
        """What happens at this moment, in two lines of less than 80 columns."""
        ends = self._in_all
        done = [f"{ends.of(*_STATUSES):,} of {counted(self._questions, 'question')}", f"{len(self._running)} at work"]
        if failed := ends.of(*_UNANSWERED):
            done.append(f"{failed:,} failed")
        tokens = ends.input_tokens + ends.output_tokens
        for followed in [*self._running]:
            tokens += followed.state.get("total_input_tokens", 0) + followed.state.get("total_output_tokens", 0)
        cost = [money(self.cost_usd)] if self.cost_usd else []
        spent = [counted(tokens, "token"), *cost, duration(time.monotonic() - self._began)]
        self._spinner.update(text=Text(" · ".join(done), no_wrap=True, overflow="ellipsis"))
        return Group(self._spinner, Text("  " + " · ".join(spent), "dim", no_wrap=True, overflow="ellipsis"))


def _cost(sums: _Sums) -> str:
    return "not known" if sums.cost_usd is None else money(sums.cost_usd)
