"""How a command ends: one line on stderr and an exit code, whatever happened; never a traceback unasked.

Where a run is left that can be gone on with, a second line says how.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import UnsupportedOperation
from types import FrameType
from typing import Any

from rlm_graph.errors import RLMError

BUG = 1
USAGE = 2
WAITING = 55
BROKEN_PIPE = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
HUNG_UP = 128 + signal.SIGHUP

DEBUG_HINT = " (RLM_GRAPH_DEBUG=1 shows the traceback)"


class Terminated(BaseException):
    """SIGTERM came, or SIGHUP: the terminal was closed. Like `KeyboardInterrupt`, it unwinds whatever was going on.

    Args:
        number: The signal's.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@dataclass
class WayOn:
    """How to go on with the run that a command carries out; none until there is one."""

    run: str = ""
    """Its name."""

    words: list[str] = field(default_factory=list)
    """The command."""

    def lead_to(self, run: str, storage: Sequence[str]) -> None:
        """From now on, a run can be resumed; `storage`: the options that say where it is."""
        self.run, self.words = run, ["rlm-graph", "resume", run, *storage]

    def forget(self) -> None:
        """There is nothing to go on with any more."""
        self.words = []

    def raising(self, setting: str, limit: float) -> None:
        """What ran out is to be raised: to twice as much."""
        more, option = 2 * limit, f"--{setting.replace('_', '-')}"
        if option in self.words:
            at = self.words.index(option)
            del self.words[at : at + 2]
        self.words += [option, str(int(more) if more == int(more) else more)]

    @property
    def line(self) -> str:
        """For a person, and for a shell."""
        return f"go on with: {shlex.join(self.words)}"

    def told(self) -> dict[str, Any]:
        """For --json."""
        return {"run": self.run, "resume": self.words} if self.words else {}


def ended(
    work: Callable[[WayOn], int],
    *,
    as_json: bool,
    verbose: bool,
) -> int:
    """Do the work of a command, which keeps the way on up to date, and return its exit code however it ends."""
    way_on = WayOn()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # by nohup
            signal.signal(number, terminate)
    try:
        return work(way_on)
    except RLMError as error:
        _debug()
        hint = DEBUG_HINT if verbose and not _debugging() else ""
        return fail(type(error).__name__, str(error), error.exit_code, as_json=as_json, hint=hint, way_on=way_on)
    except KeyboardInterrupt:
        return fail("Interrupted", "interrupted", INTERRUPTED, as_json=as_json, way_on=way_on)
    except Terminated as error:
        return fail("Terminated", "terminated", error.exit_code, as_json=as_json, way_on=way_on)
    except OSError as error:
        return unwritten(error, as_json=as_json, way_on=way_on)
    except Exception as error:
        _debug()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"{reason}; this is a bug in rlm-graph"
        return fail(type(error).__name__, message, BUG, as_json=as_json, hint=DEBUG_HINT, way_on=way_on)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def unwritten(error: OSError, *, as_json: bool, way_on: WayOn | None = None) -> int:
    """End a command whose output, or something else, cannot be written, and return its exit code."""
    if isinstance(error, BrokenPipeError):  # whoever read the answer has seen enough: `| head`
        drop_output()
        return BROKEN_PIPE
    _debug()  # a full disk, most of all
    return fail(type(error).__name__, str(error), BUG, as_json=as_json, way_on=way_on)


def fail(kind: str, message: str, exit_code: int, *, as_json: bool, hint: str = "", way_on: WayOn | None = None) -> int:
    """Say what went wrong on stderr, with --json on stdout too (without the hint), and return the exit code."""
    # Imported here: a command that succeeds at once, such as --version, does not wait for it.
    from rlm_graph.cli.screen import Screen, write_json

    way_on = way_on or WayOn()
    with _whoever_reads_it():
        screen = Screen()
        if exit_code in (INTERRUPTED, TERMINATED, HUNG_UP):
            screen.say(f"stopped; {way_on.line}" if way_on.words else message)
        else:
            screen.problem("error", message + hint)
            if way_on.words:
                screen.say(way_on.line)
    if as_json:
        with _whoever_reads_it():
            write_json({"error": {"type": kind, "message": message, "exit_code": exit_code}, **way_on.told()})
    return exit_code


def terminate(number: int, _frame: FrameType | None) -> None:
    """What SIGTERM and SIGHUP do."""
    drop_output()
    raise Terminated(number)


def _debugging() -> bool:
    return os.environ.get("RLM_GRAPH_DEBUG", "") not in ("", "0")


def _debug() -> None:
    if _debugging():
        traceback.print_exc()


@contextmanager
def _whoever_reads_it() -> Iterator[None]:
    """What cannot be told is not told: the exit code says enough."""
    try:
        yield
    except OSError:
        drop_output()


def drop_output() -> None:
    """Write to nowhere from now on what nobody reads any more, or what no disk takes; everything else goes on.

    Without this, Python would say so when it flushes at its end, and a closed terminal would fail whatever writes next.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            with suppress(RuntimeError):  # a signal came while it was being written to
                stream.flush()
            os.write(stream.fileno(), b"")  # a terminal that was closed refuses even that
        except UnsupportedOperation:  # no file is behind it
            continue
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
