"""The command line: `rlm-graph ask QUESTION CONTEXT...`, `rlm-graph doctor`.

    app.py            the commands and their options; imports nothing heavy, so that `--help` is at once
    settings.py       the options that are the settings of a run
    ask.py            what `ask` does, in the order in which it happens
    doctor.py         what `doctor` shows: the layers that confine the REPL on this machine
    model_choice.py   which model answers when none is named; `create_rlm` never makes this choice
    progress.py       what stderr shows while a run goes on
    screen.py         stdout and stderr: the answer goes to the one, everything else to the other
    ending.py         how a command ends: one line and an exit code, whatever happened

Exit codes: 0 an answer, 1 a bug (of `doctor`: the REPL cannot be confined), 2 wrong usage, 130 Ctrl-C, 143 SIGTERM;
the others are those of `rlm_graph.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of this process if none is given, and return its exit code."""
    from rlm_graph.cli.app import run

    return run(arguments)


__all__ = ["main"]
