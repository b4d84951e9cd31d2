"""How a command ends: one line on stderr and an exit code, whatever happened; never a traceback unasked."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType

from rlm_graph.errors import RLMError

BUG = 1
USAGE = 2
BROKEN_PIPE = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

DEBUG_HINT = " (RLM_GRAPH_DEBUG=1 shows the traceback)"


class Terminated(BaseException):
    """SIGTERM came; like `KeyboardInterrupt`, it unwinds whatever was going on."""


def ended(work: Callable[[], int], *, as_json: bool, verbose: bool) -> int:
    """Do the work of a command, and return its exit code however it ends."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return work()
    except RLMError as error:
        _debug()
        hint = DEBUG_HINT if verbose and not _debugging() else ""
        return fail(type(error).__name__, str(error), error.exit_code, as_json=as_json, hint=hint)
    except KeyboardInterrupt:
        return fail("Interrupted", "interrupted", INTERRUPTED, as_json=as_json)
    except Terminated:
        return fail("Terminated", "terminated", TERMINATED, as_json=as_json)
    except BrokenPipeError:  # whoever read the answer has seen enough: `| head`
        _drop_output()
        return BROKEN_PIPE
    except OSError as error:  # a full disk, most of all
        _debug()
        return fail(type(error).__name__, str(error), BUG, as_json=as_json)
    except Exception as error:
        _debug()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"{reason}; this is a bug in rlm-graph"
        return fail(type(error).__name__, message, BUG, as_json=as_json, hint=DEBUG_HINT)
    finally:
        signal.signal(signal.SIGTERM, before)


def fail(kind: str, message: str, exit_code: int, *, as_json: bool, hint: str = "") -> int:
    """Say what went wrong on stderr, with --json on stdout too (without the hint), and return the exit code."""
    # Imported here: a command that succeeds at once, such as --version, does not wait for it.
    from rlm_graph.cli.screen import Screen, write_json

    try:
        if exit_code in (INTERRUPTED, TERMINATED):
            Screen().say(message)
        else:
            Screen().problem("error", message + hint)
        if as_json:
            write_json({"error": {"type": kind, "message": message, "exit_code": exit_code}})
    except BrokenPipeError:
        _drop_output()
    return exit_code


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


def _debugging() -> bool:
    return os.environ.get("RLM_GRAPH_DEBUG", "") not in ("", "0")


def _debug() -> None:
    if _debugging():
        traceback.print_exc()


def _drop_output() -> None:
    """Nobody reads it any more; without this, Python says so when it flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
