"""What `rlm-graph show` prints: the story of a run, for a terminal or a pipe.

Short: the beginning of what the root model wrote and of what its code printed, the code, how many sub-calls there were.
With --full everything, each sub-call with its prompt and its answer.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from rlm_graph.cli.progress import duration
from rlm_graph.cli.screen import BAR, barred, counted, cut, money, printable, terminal, write_answer
from rlm_graph.cli.storage import Storage
from rlm_graph.cli.stories import reader_of, turns_at

if TYPE_CHECKING:
    from rlm_graph.story import Cell, Story, SubCall, Turn

REASONING_CHARS = 400
PRINTED_LINES = 6
PRINTED_CHARS = 600
ANSWER_CHARS = 2000
"""What is shown without --full."""

_COLOURS = {"complete": "green", "running": "cyan", "failed": "red", "no_answer": "red"}


def show(name: str, *, at: int | None, full: bool, store: str | None, database: str | None, as_json: bool) -> int:
    """Print the story of a run to stdout, and return the exit code.

    Args:
        name: The run.
        at: Only this iteration; None: all.
        full: Nothing is shortened.
        store: As for all commands.
        database: Likewise.
        as_json: Print a JSON object.

    Raises:
        RunNotFoundError: there is no such run.
        ConfigError: there is no such iteration.
    """
    with Storage(store, database) as storage, reader_of(storage, name, prompts=as_json) as reader:
        story = reader.read()
    turns = turns_at(story, at)
    if as_json:
        write_answer(json.dumps(dataclasses.asdict(dataclasses.replace(story, turns=turns))))
        return 0
    page = _Page(terminal(), full=full)
    if at is None:
        page.head(story)
    for turn in turns:
        page.turn(turn)
    if at is None:
        page.end(story)
    return 0


class _Page:
    """What is printed, piece by piece; on a terminal wrapped at its width, in a pipe not at all."""

    def __init__(self, console: Console, *, full: bool) -> None:
        self._console = console
        self._full = full
        self._columns = console.width if console.is_terminal else None

    def head(self, story: Story) -> None:
        status = Text(story.status.replace("_", " "), f"bold {_COLOURS.get(story.status, 'yellow')}")
        totals = story.totals
        figures = [counted(totals.iterations, "iteration"), counted(totals.sub_calls, "sub-call")]
        figures += [counted(totals.input_tokens + totals.output_tokens, "token")]
        figures += (
            ["cost not known" if totals.cost_usd is None else money(totals.cost_usd)] if totals.cost_usd != 0 else []
        )
        figures += [duration(totals.elapsed_s)]
        self._print(Text.assemble((printable(story.run), "bold"), "  ", status, "  ", ", ".join(figures)))
        self._field("question", story.question)
        if story.context is not None:
            items = f"{counted(story.context.items, 'document')}, " if story.context.kind == "documents" else ""
            self._field("context", f"{items}{counted(story.context.chars, 'character')}")
        for model, spent in story.models.items():
            tokens = f"{counted(spent['input_tokens'], 'token')} in, {spent['output_tokens']:,} out"
            cost = [money(spent["cost_usd"])] if spent["cost_usd"] else []
            self._field("model", ", ".join([model, counted(spent["requests"], "request"), tokens, *cost]))
        for note in story.notes:
            self._field("note", note)

    def turn(self, turn: Turn) -> None:
        title = f"iteration {turn.iteration}"
        spent = []
        if turn.started_at and turn.ended_at:
            spent.append(duration(turn.ended_at - turn.started_at))
        if turn.input_tokens:
            spent.append(f"{turn.input_tokens:,} tokens in, {turn.output_tokens:,} out")
        self._rule(", ".join([title, *spent]))
        if turn.reasoning.strip():
            self._print(self._short(turn.reasoning.strip(), REASONING_CHARS))
        for cell in turn.cells:
            self._cell(cell)
        if self._full and turn.observation:
            self._label("the root model saw")
            self._barred(turn.observation.splitlines())

    def end(self, story: Story) -> None:
        if story.answer is not None:
            how = {"submitted": "", "forced": ", forced at the end", "direct": ", direct"}.get(
                story.answered_by or "", ""
            )
            self._rule(f"answer{how}")
            self._print(self._short(story.answer, ANSWER_CHARS))
        elif story.waiting:
            self._rule("waits for a person")
            for text in story.waiting:
                self._print(printable(text))
        elif story.exhausted is not None:
            self._rule(f"no answer: {story.exhausted} ran out")
        else:
            self._rule("no answer yet" if story.status not in ("failed", "no_answer") else "no answer")

    def _cell(self, cell: Cell) -> None:
        code = printable(cell.code)
        syntax = Syntax(code, "python", theme="ansi_dark", background_color="default")
        lines: list[Text] = list(syntax.highlight(code).split("\n", allow_blank=True))
        while lines and not lines[-1].plain.strip():
            lines.pop()
        self._barred(lines)
        if cell.calls:
            self._calls(cell.calls)
        if cell.stdout_chars:
            hidden = cell.stdout_chars - cell.shown_chars
            seen = f", the root model saw {cell.shown_chars:,}" if hidden > 0 else ""
            self._label(f"printed {counted(cell.stdout_chars, 'character')}{seen}")
            self._barred(self._first_lines(cell.stdout, cell.stdout_chars))
        if cell.error:
            error = printable(cell.error).rstrip().splitlines()
            self._barred([Text(line, "red") for line in (error if self._full else error[-1:])])
        if self._full and cell.variables:
            self._label("variables")
            self._barred(f"{name} = {value}" for name, value in cell.variables.items())
        if not cell.ended:
            self._label("has not ended")

    def _calls(self, calls: tuple[SubCall, ...]) -> None:
        failed = sum(call.failed is not None for call in calls)
        times = [call.ended_at - call.started_at for call in calls if call.ended_at]
        told = [counted(len(calls), "sub-call"), *([f"{failed:,} failed"] if failed else [])]
        told += [f"the longest {duration(max(times))}"] if times else []
        self._label(", ".join(told))
        if not self._full:
            return
        for call in calls:
            took = [duration(call.ended_at - call.started_at)] if call.ended_at else ["has not ended"]
            self._label("  " + ", ".join([call.kind, *([call.model] if call.model else []), *took]))
            self._barred(call.prompt.splitlines(), indent="  > ")
            self._barred(call.answer.splitlines(), indent="  < ")
            for turn in call.child:
                self.turn(turn)

    # Lines. ---------------------------------------------------------------------------------------------------------

    def _print(self, text: Text | str) -> None:
        """Prose: wrapped at words on a terminal."""
        text = Text(text) if isinstance(text, str) else text
        self._console.print(text, soft_wrap=self._columns is None)

    def _rule(self, title: str) -> None:
        self._console.print()
        if self._columns is None:
            self._console.print(f"-- {printable(title)} --")
        else:
            self._console.print(Rule(Text(title, "bold"), align="left", style="dim"))

    def _field(self, name: str, value: str) -> None:
        text = printable(" ".join(value.split()))
        if not self._full:
            text = cut(text, None if self._columns is None else 2 * self._columns)
        self._print(Text.assemble((f"{name:<8}  ", "dim"), text))

    def _label(self, text: str) -> None:
        self._print(Text(printable(text), "dim"))

    def _barred(self, lines: Iterable[Text | str], *, indent: str = BAR) -> None:
        for line in barred(lines, self._console, bar=indent):
            self._console.print(line)

    def _short(self, text: str, chars: int) -> str:
        text = printable(text)
        if self._full or len(text) <= chars:
            return text
        return f"{text[:chars].rstrip()} [... {len(text) - chars:,} more characters, see --full]"

    def _first_lines(self, stdout: str, chars: int) -> list[Text | str]:
        lines = stdout.splitlines()
        if self._full:
            left = chars - len(stdout)
            return [*lines, *([f"[... {left:,} more characters were not kept]"] if left > 0 else [])]
        shown: list[Text | str] = list(stdout[:PRINTED_CHARS].splitlines()[:PRINTED_LINES])
        left = chars - len("\n".join(map(str, shown)))
        return [*shown, *([Text(f"[... {left:,} more characters, see --full]", "dim")] if left > 1 else [])]
