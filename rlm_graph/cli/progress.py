"""What stderr shows while a run goes on: a line per iteration, and on a terminal below them what happens now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.text import Text

from rlm_graph.cli.screen import Screen, barred, counted, money

if TYPE_CHECKING:
    from rich.live import Live

    from rlm_graph.config import RLMConfig
    from rlm_graph.events import RLMEvent

ERROR_CHARS = 80
"""Characters of a cell's error in the line of its iteration."""


@dataclass
class _Turn:
    """One iteration as far as it has come."""

    iteration: int
    started: float
    doing: str = "the root model thinks"
    cells: int | None = None
    lines: int = 0
    printed_chars: int = 0
    error: str = ""
    sub_calls: int = 0
    sub_calls_done: int = 0
    sub_calls_failed: int = 0
    answered: bool = False


class Progress:
    """Follows a run and shows it; a context manager around each stretch in which the run goes on.

    Args:
        screen: Where it shows.
        config: The settings of the run.
        before: The run's state, if it has gone on before; the figures are those of the whole run.
        quiet: Show nothing.
        verbose: Show replies and what cells printed.
    """

    def __init__(
        self,
        screen: Screen,
        config: RLMConfig,
        *,
        before: Mapping[str, Any] | None = None,
        quiet: bool,
        verbose: bool,
    ) -> None:
        self._screen = screen
        self._config = config
        self._quiet = quiet
        self._verbose = verbose
        self._worked_s = 0.0
        self._started: float | None = None
        self._turn: _Turn | None = None
        self._iterations = 0
        self._sub_calls = 0
        self._spent: dict[str, Any] = {"total_input_tokens": 0, "total_output_tokens": 0, "cost_usd": 0.0}
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self.totals(before or {})

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to sum up."""
        return self._iterations > 0

    @property
    def elapsed_s(self) -> float:
        """Seconds that the run has worked in this process, pauses not counted."""
        return self._worked_s + (0.0 if self._started is None else time.monotonic() - self._started)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if self._screen.is_terminal and not self._quiet:
            self._live = self._screen.live(self._now)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worked_s, self._started = self.elapsed_s, None
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._end_turn()

    def pause(self) -> None:
        """The run waits for a person in the middle of an iteration, whose code is run again then."""
        self._turn = None

    def event(self, event: RLMEvent) -> None:
        """Something happened in the run."""
        detail = event.detail
        if event.type == "iteration_start":
            self._end_turn()
            self._turn = _Turn(event.iteration, time.monotonic())
            if event.iteration > self._config.max_iterations:
                self._say("the iterations ran out: asking for the best answer")
            return
        if self._turn is None:  # a run that goes on in the middle of an iteration
            self._turn = _Turn(event.iteration, time.monotonic(), doing="a cell runs")
        turn = self._turn
        self._spent |= spent_by(event)
        if event.type == "code_generated":
            turn.cells = detail["cells"]
            turn.doing = "a cell runs" if turn.cells else "no code in the reply"
            self._iterations = max(self._iterations, min(event.iteration, self._config.max_iterations))
            self._show(f"iteration {event.iteration}: the root model's reply", detail["full_text"])
        elif event.type == "code_executed":
            turn.cells = turn.cells or 1
            turn.lines += len(detail["code"].splitlines())
            turn.printed_chars += detail["stdout_chars"]
            turn.error = _last_line(detail["error"] or "")
            self._show_output(event)
        elif event.type == "sub_call_start":
            turn.sub_calls += 1
        elif event.type == "sub_call_end":
            turn.sub_calls_done += 1
            self._sub_calls += 1
            turn.sub_calls_failed += detail["failed"]
        elif event.type == "answer_refused":
            problems = (line[2:] for line in detail["refusal"].splitlines() if line.startswith("- "))
            turn.error = f"answer refused: {next(problems, detail['refusal'])}"
        elif event.type == "final_answer":
            turn.answered = True

    def totals(self, state: Mapping[str, Any]) -> None:
        """The run's own figures, after each of its steps."""
        self._iterations = state.get("iterations", 0)
        self._sub_calls = state.get("sub_calls", self._sub_calls)
        self._spent |= {name: state[name] for name in self._spent if name in state}

    def summary(self, how: str) -> str:
        """`answered in 3 iterations, 12 sub-calls, 45,310 tokens, $0.12, 8.2 s`; `how` is its beginning."""
        tokens = self._spent["total_input_tokens"] + self._spent["total_output_tokens"]
        parts = [f"{how} {counted(self._iterations, 'iteration')}"]
        parts += [
            counted(number, noun) for number, noun in ((self._sub_calls, "sub-call"), (tokens, "token")) if number
        ]
        return ", ".join([*parts, *self._money(), duration(self.elapsed_s)])

    # Lines that stay

    def _end_turn(self) -> None:
        """Say what an iteration did, when it is over."""
        turn, self._turn = self._turn, None
        if turn is None or turn.cells is None or (turn.cells and not turn.lines):
            return  # it was cut off, and the error says by what
        parts = [counted(turn.lines, "line") + " of code" if turn.lines else "no code"]
        if turn.sub_calls:
            failed = f" ({turn.sub_calls_failed:,} failed)" if turn.sub_calls_failed else ""
            parts.append(counted(turn.sub_calls, "sub-call") + failed)
        if turn.answered:
            parts.append("answer")
        elif turn.error:
            parts.append(turn.error)
        elif turn.lines:
            parts.append(f"printed {counted(turn.printed_chars, 'character')}")
        parts.append(duration(time.monotonic() - turn.started))
        self._say(f"{self._place(turn)}: {', '.join(parts)}")

    def _show(self, title: str, text: str) -> None:
        """With --verbose, what was written, with a bar at its left."""
        if self._verbose:
            lines = barred(text.rstrip().splitlines(), self._screen.console)
            self._screen.console.print(Text("\n").join([Text(title), *lines]))

    def _show_output(self, event: RLMEvent) -> None:
        stdout, chars = event.detail["stdout"], event.detail["stdout_chars"]
        seen = self._config.metadata_prefix_chars
        if chars:
            more = f", of which the root model sees {seen:,}" if chars > seen else ""
            self._show(f"iteration {event.iteration}: printed {counted(chars, 'character')}{more}", stdout[:seen])
        if event.detail["error"]:
            self._show(f"iteration {event.iteration}: error", event.detail["error"])

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._screen.say(text, style="dim", at_words=True)

    # The lines that change

    def _now(self) -> RenderableType:
        """What happens at this moment, in two lines of less than 80 columns."""
        turn = self._turn
        if turn is None:
            doing = ["getting ready"]
        else:
            doing = [self._place(turn), turn.doing]
            if turn.sub_calls:
                running = turn.sub_calls - turn.sub_calls_done
                doing.append(f"sub-calls: {turn.sub_calls_done:,} done, {running:,} running")
        tokens = f"{self._spent['total_input_tokens']:,} tokens in, {self._spent['total_output_tokens']:,} out"
        spent = [tokens, *self._money(), duration(self.elapsed_s)]
        self._spinner.update(text=Text(" · ".join(doing), no_wrap=True, overflow="ellipsis"))
        return Group(self._spinner, Text("  " + " · ".join(spent), "dim", no_wrap=True, overflow="ellipsis"))

    def _place(self, turn: _Turn) -> str:
        if turn.iteration > self._config.max_iterations:
            return "last question"
        return f"iteration {turn.iteration}/{self._config.max_iterations}"

    def _money(self) -> list[str]:
        cost_usd = self._spent["cost_usd"]
        return [money(cost_usd)] if cost_usd else []  # not known, or nothing


def spent_by(event: RLMEvent) -> dict[str, Any]:
    """What a run had spent when something happened, by channels of its state; empty if the event does not say."""
    names = {"total_input_tokens": "input_tokens", "total_output_tokens": "output_tokens", "cost_usd": "cost_usd"}
    return {channel: event.detail[name] for channel, name in names.items() if name in event.detail}


def _last_line(error: str) -> str:
    """What a traceback says at its end."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if len(lines[-1]) <= ERROR_CHARS else lines[-1][:ERROR_CHARS] + "..."


def duration(seconds: float) -> str:
    """`8.2 s`, `5 min 12 s`."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
