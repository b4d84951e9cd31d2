"""stdout and stderr: the answer goes to the one, everything else to the other."""

from __future__ import annotations

import errno
import io
import json
import logging
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from rlm_graph.cli.ending import drop_output
from rlm_graph.errors import ConfigError

REFRESHES_PER_S = 8

BAR = "\N{BOX DRAWINGS LIGHT VERTICAL} "
"""Stands at the left of what models and their code wrote."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class _Stderr:
    """stderr, whatever it is at the moment. What it takes no more is not told, and everything else goes on.

    A terminal was closed, or a disk is full; that nobody reads a pipe any more ends a command, as for stdout.
    """

    _nowhere = io.StringIO()

    @property
    def _stream(self) -> TextIO:
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr) or self._nowhere

    def write(self, text: str) -> int:
        """As of a text file."""
        with self._forgiving():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As of a text file."""
        with self._forgiving():
            self._stream.flush()

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError:
            drop_output()
        except RuntimeError:  # a signal's handler writes in the middle of something that is being written
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the command end as it does for stdout; Rich would exit, and from whichever thread writes."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads stderr any more")


@dataclass(frozen=True)
class Output:
    """What a command shows."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def check(self) -> None:
        """See that a command can do all of it.

        Raises:
            ConfigError: it cannot.
        """
        if self.quiet and self.verbose:
            raise ConfigError("--quiet and --verbose exclude each other")


class Screen:
    """Where a command writes."""

    def __init__(self) -> None:
        stderr = cast(TextIO, _Stderr())
        self.console = _Console(file=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be looking at stderr, on something that can move its cursor."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def say(self, text: str, *, style: str = "", at_words: bool = False) -> None:
        """Write to stderr.

        Args:
            text: What is written.
            style: Rich's.
            at_words: On a terminal that is too narrow, break it between words. A command that is to be copied must not
                be broken, but by the terminal itself.
        """
        self.console.print(Text(printable(text), style), soft_wrap=not (at_words and self.console.is_terminal))

    def live(self, shown: Callable[[], RenderableType]) -> Live:
        """Begin to show, below what is said, what changes; it is gone when that is stopped."""
        live = Live(
            console=self.console,
            get_renderable=shown,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            redirect_stdout=False,
        )
        live.start()
        return live

    def problem(self, kind: str, text: str) -> None:
        """Write `error: ...` or `warning: ...` to stderr."""
        style = "bold red" if kind == "error" else "bold yellow"
        self.console.print(Text.assemble((f"{kind}:", style), " ", printable(text)))

    @contextmanager
    def logs(self, level: int) -> Iterator[None]:
        """Log records of that level and above go to stderr, above a live display; warnings of Python's too."""
        handler, root = _ToScreen(self), logging.getLogger()
        before = root.level
        root.addHandler(handler)
        root.setLevel(level)
        show, warnings.showwarning = warnings.showwarning, _log_warning
        try:
            yield
        finally:
            warnings.showwarning = show
            root.setLevel(before)
            root.removeHandler(handler)


class _ToScreen(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.say(self.format(record), style="dim")


def _log_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A dependency's warning is for its developers, not for whoever asks a question."""
    logging.getLogger("py.warnings").info("%s", message)


def write_answer(text: str) -> None:
    """Write to stdout: the text, and one newline if it does not end in one.

    A terminal does not obey what stands in it: a model wrote it, or a document that the model read. Elsewhere it goes
    as it is.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        text = printable(text)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without the answer's letters still shows it
    print(text, end="" if text.endswith("\n") else "\n", flush=True)


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object on one line to stdout, in ASCII: a file name can hold what no encoding has."""
    write_answer(json.dumps(value))


def printable(text: str) -> str:
    """Text for a terminal: what could move its cursor, colour it or turn it around is shown as an escape."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def counted(number: int, noun: str) -> str:
    """`1 iteration`, `1,234 iterations`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def money(usd: float) -> str:
    """`$1.23`, `$0.0123`, `$0.00`."""
    return f"${usd:,.2f}" if usd >= 0.1 or not usd else f"${usd:.4f}"


def size(number: int) -> str:
    """`950 B`, `1.2 MB`, `340 GB`."""
    rest = float(number)
    for unit in ("B", "KB", "MB"):
        if rest < 1000:
            return f"{rest:.1f} {unit}" if rest < 10 and unit != "B" else f"{rest:.0f} {unit}"
        rest /= 1000
    return f"{rest:,.1f} GB"


def cut(text: str, columns: int | None) -> str:
    """Text of at most so many characters, with a mark where it was cut; None: all of it."""
    return text if columns is None or len(text) <= columns else text[: columns - 1] + "\N{HORIZONTAL ELLIPSIS}"


def barred(lines: Iterable[Text | str], console: Console, *, bar: str = BAR) -> Iterator[Text]:
    """Lines with a bar at their left, wrapped behind it on a terminal."""
    left = console.width - len(bar)
    for line in lines:
        text = Text(printable(line)) if isinstance(line, str) else line
        is_wide = console.is_terminal and text.cell_len > left
        for part in text.wrap(console, left, overflow="fold") if is_wide else [text]:
            yield Text.assemble((bar, "dim"), part)


def terminal_columns() -> int | None:
    """Columns of the terminal that stdout is; None where it is none."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if is_terminal else None


def terminal() -> Console:
    """Stdout, where it is a terminal and what is printed is for a person only."""
    return _Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
