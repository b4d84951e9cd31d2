"""The command line: `rlm-graph ask QUESTION CONTEXT...`, and what there is to do with the runs that it begins.

    app.py            the commands and their options; imports nothing heavy, so that `--help` is at once
    settings.py       the options that are the settings of a run
    ask.py, resume.py, fork.py      a run begins, goes on, goes another way
    runs.py, removal.py             the runs that there are are listed, and removed
    show.py, report.py, watch.py, export.py     what happened in a run is shown, and written for other programs,
    stories.py        from its story, which is read without any model
    batch.py, questions.py, results.py, batch_progress.py       a file of questions becomes a file of results
    models.py         what `models` lists: windows, prices, and what `ask` would take
    doctor.py         what `doctor` shows: the layers that confine the REPL on this machine
    serve.py          the graph is served
    completion.py     what a shell offers when Tab is pressed

    carrying.py       a run is carried out, with
    progress.py       what stderr shows while it goes on,
    stopping.py       Ctrl-C and SIGTERM,
    person.py         what a person is asked,
    telling.py        and how its end is told

    model_choice.py   which model answers when none is named; `create_rlm` never makes this choice
    beginning.py      what has to be known of a run to go on with it
    run_names.py      names of runs, and how they stand
    storage.py        where runs are: --store, --database
    screen.py         stdout and stderr: the answer goes to the one, everything else to the other
    ending.py         how a command ends: one line and an exit code, whatever happened; a second line where it can go on

Exit codes: 0 an answer, 1 a bug (of `doctor`: the REPL cannot be confined), 2 wrong usage, 55 the run waits for a
person, 129 the terminal was closed (SIGHUP), 130 Ctrl-C, 143 SIGTERM; the others are those of `rlm_graph.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of this process if none is given, and return its exit code."""
    from rlm_graph.cli.app import run

    return run(arguments)


__all__ = ["main"]
