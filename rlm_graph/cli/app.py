"""The commands and their options. Importing this imports typer and nothing heavy: `--help` is at once."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer import Argument, BadParameter, Option

from rlm_graph import __version__
from rlm_graph.cli.ending import USAGE, WayOn, ended, fail
from rlm_graph.cli.settings import settings_as_options

# Typer's usage errors (an unknown option, a missing argument) have no public base class; this is it.
_UsageProblem: Any = BadParameter.__mro__[2]

_MODELS, _OUTPUT, _STORAGE, _PERSON = "Models", "Output", "Storage", "Answers to a run that waits for a person"

# Options that several commands have.
RunName = Annotated[str, Argument(help="The run.", metavar="NAME")]
Store = Annotated[
    str | None,
    Option(
        help="Where contexts and the REPL's variables are: a folder, or a URI such as s3://bucket/rlm. Without it: "
        "RLM_GRAPH_STORE, else the user's data folder.",
        metavar="URI",
        rich_help_panel=_STORAGE,
    ),
]
Database = Annotated[
    str | None,
    Option(
        help="Where runs and their answers are: postgresql://USER@HOST/DATABASE. Without it: RLM_GRAPH_DATABASE, else "
        "files in the user's data folder.",
        metavar="URL",
        rich_help_panel=_STORAGE,
    ),
]
OtherModel = Annotated[
    str | None,
    Option("--model", help="Another root model, as provider:name.", metavar="NAME", rich_help_panel=_MODELS),
]
OtherSubModel = Annotated[
    str | None,
    Option("--sub-model", help="Another model that sub-calls ask.", metavar="NAME", rich_help_panel=_MODELS),
]
Offline = Annotated[
    bool, Option("--offline", help="Answer by rules, without a language model.", rich_help_panel=_MODELS)
]
AsJson = Annotated[
    bool, Option("--json", help="Print a JSON object: answer, status, cost, context ...", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[
    bool,
    Option("--quiet", "-q", help="Show no progress; only the model, warnings and errors.", rich_help_panel=_OUTPUT),
]
Verbose = Annotated[
    bool, Option("--verbose", "-v", help="Show each cell, what it printed, and the logs.", rich_help_panel=_OUTPUT)
]

app = typer.Typer(
    name="rlm-graph",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of this process if none is given, and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    # At its end, Python looks for garbage among the million objects of LangChain's modules; it takes a second or two.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    try:
        return app(args=words, prog_name="rlm-graph", standalone_mode=False) or 0
    except _UsageProblem as problem:
        text = problem.format_message().rstrip(".")
        if not text:  # no arguments at all: the help has been printed
            return USAGE
        command = problem.ctx.command_path if problem.ctx is not None else "rlm-graph"
        return fail("UsageError", text, USAGE, as_json="--json" in words, hint=f"; see {command} --help")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rlm-graph {__version__}")
        raise typer.Exit


@app.callback()
def rlm_graph(
    version: Annotated[
        bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Ask questions about contexts of any length: Recursive Language Models as a LangGraph graph."""


# What follows imports inside: whatever happens from there on, a Ctrl-C too, ends in one line and an exit code.


@app.command("ask")
@settings_as_options(with_defaults=True)
def ask_command(
    question: Annotated[str, Argument(help="The question.", metavar="QUESTION")],
    context: Annotated[
        list[str],
        Argument(help="What it is about: files, folders, globs, URIs, or - for stdin.", metavar="CONTEXT"),
    ],
    run: Annotated[
        str | None,
        Option(
            help="Name of the run. With one, it is kept when it has its answer; without, only if it has none.",
            metavar="NAME",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        Option(help="Encoding of the text files. Without it, that of each file is found out.", metavar="NAME"),
    ] = None,
    model: Annotated[
        str | None,
        Option(
            help="Root model, as provider:name. Without it: RLM_GRAPH_MODEL, else a model of OpenAI, Anthropic or "
            "Google if its key is set, else a running Ollama, else the offline rules.",
            metavar="NAME",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    sub_model: Annotated[
        str | None,
        Option(
            help="Model that sub-calls ask. Without it: RLM_GRAPH_SUB_MODEL, else the root model.",
            metavar="NAME",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    offline: Offline = False,
    store: Store = None,
    database: Database = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **settings: Any,
) -> int:
    """Answer a question about a context: the answer on stdout, everything else on stderr.

    Stopped or killed, it goes on with `rlm-graph resume`, and nothing is paid twice.
    """

    def work(way_on: WayOn) -> int:
        from rlm_graph.cli.ask import ask
        from rlm_graph.cli.screen import Output

        return ask(
            question,
            context,
            encoding=encoding,
            run=run,
            store=store,
            database=database,
            model=model,
            sub_model=sub_model,
            offline=offline,
            output=Output(as_json, quiet, verbose),
            settings=settings,
            way_on=way_on,
        )

    return ended(work, as_json=as_json, verbose=verbose)


@app.command("resume")
@settings_as_options(with_defaults=False)
def resume_command(
    name: RunName,
    answer: Annotated[
        list[str] | None,
        Option(
            help="The answer to its question; one for each, if there are several.",
            metavar="TEXT",
            rich_help_panel=_PERSON,
        ),
    ] = None,
    approve: Annotated[
        bool, Option("--approve", help="Approve its code, or as much money again.", rich_help_panel=_PERSON)
    ] = False,
    reject: Annotated[
        str | None,
        Option(help="Reject its code for this reason, or more money.", metavar="REASON", rich_help_panel=_PERSON),
    ] = None,
    model: OtherModel = None,
    sub_model: OtherSubModel = None,
    offline: Offline = False,
    store: Store = None,
    database: Database = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **settings: Any,
) -> int:
    """Go on with a run that was stopped or killed, has failed, or waits for a person.

    Models and settings are those that it was begun with, but for those that are given now.

    A run that has its answer prints it again; one whose budget ran out goes on if that is raised (--max-usd ...).
    """

    def work(way_on: WayOn) -> int:
        from rlm_graph.cli.person import Decided
        from rlm_graph.cli.resume import resume
        from rlm_graph.cli.screen import Output

        return resume(
            name,
            store=store,
            database=database,
            model=model,
            sub_model=sub_model,
            offline=offline,
            decided=Decided(tuple(answer or ()), approve, reject),
            output=Output(as_json, quiet, verbose),
            settings=_given(settings),
            way_on=way_on,
        )

    return ended(work, as_json=as_json, verbose=verbose)


@app.command("runs")
def runs_command(
    store: Store = None,
    database: Database = None,
    as_json: Annotated[bool, Option("--json", help="Print a JSON object: runs.", rich_help_panel=_OUTPUT)] = False,
) -> int:
    """List the runs: how they stand, what they have cost, what they take, newest activity first."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.runs import runs

        return runs(store=store, database=database, as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)


@app.command("fork")
@settings_as_options(with_defaults=False)
def fork_command(
    name: RunName,
    at: Annotated[int, Option(help="The iteration after which the new run begins; 0: before the first.", metavar="N")],
    new_name: Annotated[
        str | None, Option("--as", help="Name of the new run; without one, as with ask.", metavar="NAME")
    ] = None,
    query: Annotated[
        str | None, Option(help="Ask another question from there, over the same variables.", metavar="QUESTION")
    ] = None,
    code: Annotated[
        str | None,
        Option(
            help="Run this code instead of asking the root model in the next iteration: a file, or - for stdin.",
            metavar="FILE",
        ),
    ] = None,
    model: OtherModel = None,
    sub_model: OtherSubModel = None,
    offline: Offline = False,
    store: Store = None,
    database: Database = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **settings: Any,
) -> int:
    """Go another way from some iteration of a run on, with the REPL as it was then; the run itself stays as it is."""

    def work(way_on: WayOn) -> int:
        from rlm_graph.cli.fork import fork
        from rlm_graph.cli.screen import Output

        return fork(
            name,
            at,
            new_name=new_name,
            query=query,
            code=code,
            store=store,
            database=database,
            model=model,
            sub_model=sub_model,
            offline=offline,
            output=Output(as_json, quiet, verbose),
            settings=_given(settings),
            way_on=way_on,
        )

    return ended(work, as_json=as_json, verbose=verbose)


@app.command("rm")
def rm_command(
    names: Annotated[list[str], Argument(help="The runs.", metavar="NAME")],
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask before.")] = False,
    store: Store = None,
    database: Database = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object: removed, files, bytes.", rich_help_panel=_OUTPUT)
    ] = False,
) -> int:
    """Remove runs, with all that only they refer to."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.removal import rm

        return rm(names, yes=yes, store=store, database=database, as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)


@app.command("gc")
def gc_command(
    older_than: Annotated[
        str, Option(help="Keep what is younger: somebody may be about to use it.", metavar="TIME")
    ] = "1d",
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would be deleted.")] = False,
    store: Store = None,
    database: Database = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object: files, bytes.", rich_help_panel=_OUTPUT)
    ] = False,
) -> int:
    """Delete contexts and variables that no run refers to any more."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.removal import gc

        return gc(older_than=older_than, dry_run=dry_run, store=store, database=database, as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)


@app.command("doctor")
def doctor_command(
    as_json: Annotated[bool, Option("--json", help="Print a JSON object: is_confined, layers.")] = False,
) -> int:
    """Show how this machine confines the process that runs the model's code; exit code 1 if it cannot."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.doctor import doctor

        return doctor(as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """Those that the command line has."""
    return {name: value for name, value in settings.items() if value is not None}
