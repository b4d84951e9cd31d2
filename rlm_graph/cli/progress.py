"""What stderr shows while a run goes on: a line per iteration, and on a terminal below them what happens now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from rlm_graph.cli.screen import Screen, counted
from rlm_graph.ledger import Ledger, usage_of

if TYPE_CHECKING:
    from rlm_graph.config import RLMConfig
    from rlm_graph.events import RLMEvent
    from rlm_graph.state import RLMOutput

REFRESHES_PER_S = 8

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


class Meter(BaseCallbackHandler):
    """Counts the tokens and the money of each call as it ends.

    The run itself tells them after each cell, and one cell can make a thousand sub-calls.
    """

    run_inline = True  # in the run's event loop and not in threads, so nothing needs a lock

    def __init__(self) -> None:
        self.spent = Ledger(max_sub_calls=0)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """A call has ended."""
        for generation in (one for several in response.generations for one in several):
            if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                self.spent.spend(usage_of(generation.message, ""))


class Progress:
    """Follows a run and shows it; a context manager around it.

    Args:
        screen: Where it shows.
        config: The settings of the run.
        spent: What the run has spent so far; a `Meter` keeps it.
        quiet: Show nothing.
        verbose: Show replies and what cells printed.
    """

    def __init__(self, screen: Screen, config: RLMConfig, spent: Ledger, *, quiet: bool, verbose: bool) -> None:
        self._screen = screen
        self._config = config
        self._spent = spent
        self._quiet = quiet
        self._verbose = verbose
        self._started = time.monotonic()
        self._turn: _Turn | None = None
        self._iterations = 0
        self._sub_calls = 0
        self._live: Live | None = None
        self._spinner = Spinner("dots")

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to sum up."""
        return self._iterations > 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    def __enter__(self) -> Self:
        if self._screen.is_terminal and not self._quiet:
            self._live = Live(
                console=self._screen.console,
                get_renderable=self._now,
                refresh_per_second=REFRESHES_PER_S,
                transient=True,
                redirect_stdout=False,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        self._end_turn()

    def event(self, event: RLMEvent) -> None:
        """Something happened in the run."""
        detail = event.detail
        if event.type == "iteration_start":
            self._end_turn()
            self._turn = _Turn(event.iteration, time.monotonic())
            if event.iteration > self._config.max_iterations:
                self._say("the iterations ran out: asking for the best answer")
            return
        turn = self._turn
        if turn is None:
            return
        if event.type == "code_generated":
            turn.cells = detail["cells"]
            turn.doing = "a cell runs" if turn.cells else "no code in the reply"
            self._iterations = max(self._iterations, min(event.iteration, self._config.max_iterations))
            self._show(f"iteration {event.iteration}: the root model's reply", detail["full_text"])
        elif event.type == "code_executed":
            turn.lines += len(detail["code"].splitlines())
            turn.printed_chars += detail["stdout_chars"]
            turn.error = _last_line(detail["error"] or "")
            self._show_output(event)
        elif event.type == "sub_call_start":
            turn.sub_calls += 1
            self._sub_calls += 1
        elif event.type == "sub_call_end":
            turn.sub_calls_done += 1
            turn.sub_calls_failed += detail["failed"]
        elif event.type == "final_answer":
            turn.answered = True

    def totals(self, state: RLMOutput) -> None:
        """The run's own figures, after each of its steps."""
        self._iterations = state.get("iterations", 0)
        self._sub_calls = max(self._sub_calls, state.get("sub_calls", 0))

    def summary(self, how: str) -> str:
        """`answered in 3 iterations, 12 sub-calls, 45,310 tokens, $0.12, 8.2 s`; `how` is its beginning."""
        tokens = self._spent.input_tokens + self._spent.output_tokens
        parts = [f"{how} {counted(self._iterations, 'iteration')}"]
        parts += [
            counted(number, noun) for number, noun in ((self._sub_calls, "sub-call"), (tokens, "token")) if number
        ]
        return ", ".join([*parts, *self._money(), _duration(self.elapsed_s)])

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
        parts.append(_duration(time.monotonic() - turn.started))
        self._say(f"{self._place(turn)}: {', '.join(parts)}")

    def _show(self, title: str, text: str) -> None:
        """With --verbose, what was written, with a bar at its left."""
        if not self._verbose:
            return
        bar = "\N{BOX DRAWINGS LIGHT VERTICAL} "
        self._screen.say(f"{title}\n" + "\n".join(bar + line for line in text.rstrip().splitlines()))

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
            self._screen.say(text, style="dim")

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
        tokens = f"{self._spent.input_tokens:,} tokens in, {self._spent.output_tokens:,} out"
        spent = [tokens, *self._money(), _duration(self.elapsed_s)]
        self._spinner.update(text=Text(" · ".join(doing), no_wrap=True, overflow="ellipsis"))
        return Group(self._spinner, Text("  " + " · ".join(spent), "dim", no_wrap=True, overflow="ellipsis"))

    def _place(self, turn: _Turn) -> str:
        if turn.iteration > self._config.max_iterations:
            return "last question"
        return f"iteration {turn.iteration}/{self._config.max_iterations}"

    def _money(self) -> list[str]:
        cost_usd = self._spent.cost_usd
        if not cost_usd:  # not known, or nothing
            return []
        return [f"${cost_usd:,.2f}" if cost_usd >= 0.1 else f"${cost_usd:.4f}"]


def _last_line(error: str) -> str:
    """What a traceback says at its end."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if len(lines[-1]) <= ERROR_CHARS else lines[-1][:ERROR_CHARS] + "..."


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
