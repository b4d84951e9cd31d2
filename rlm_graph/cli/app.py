"""The commands and their options. Importing this imports typer and nothing heavy: `--help` is at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer import Argument, BadParameter, Option

from rlm_graph import __version__
from rlm_graph.cli.ending import USAGE, ended, fail
from rlm_graph.cli.settings import settings_as_options

# Typer's usage errors (an unknown option, a missing argument) have no public base class; this is it.
_UsageProblem: Any = BadParameter.__mro__[2]

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


@app.command("ask")
@settings_as_options
def ask_command(
    question: Annotated[str, Argument(help="The question.", metavar="QUESTION")],
    context: Annotated[
        list[str],
        Argument(help="What it is about: files, folders, globs, URIs, or - for stdin.", metavar="CONTEXT"),
    ],
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
            rich_help_panel="Models",
        ),
    ] = None,
    sub_model: Annotated[
        str | None,
        Option(
            help="Model that sub-calls ask. Without it: RLM_GRAPH_SUB_MODEL, else the root model.",
            metavar="NAME",
            rich_help_panel="Models",
        ),
    ] = None,
    offline: Annotated[
        bool, Option("--offline", help="Answer by rules, without a language model.", rich_help_panel="Models")
    ] = False,
    as_json: Annotated[
        bool,
        Option("--json", help="Print a JSON object: answer, status, cost, context ...", rich_help_panel="Output"),
    ] = False,
    quiet: Annotated[
        bool,
        Option(
            "--quiet", "-q", help="Show no progress; only the model, warnings and errors.", rich_help_panel="Output"
        ),
    ] = False,
    verbose: Annotated[
        bool,
        Option("--verbose", "-v", help="Show each cell, what it printed, and the logs.", rich_help_panel="Output"),
    ] = False,
    **settings: float,
) -> int:
    """Answer a question about a context: the answer on stdout, everything else on stderr."""

    def work() -> int:
        # Imported inside: whatever happens from here on, a Ctrl-C too, ends in one line and an exit code.
        from rlm_graph.cli.ask import ask

        return ask(
            question,
            context,
            encoding=encoding,
            model=model,
            sub_model=sub_model,
            offline=offline,
            as_json=as_json,
            quiet=quiet,
            verbose=verbose,
            settings=settings,
        )

    return ended(work, as_json=as_json, verbose=verbose)


@app.command("doctor")
def doctor_command(
    as_json: Annotated[bool, Option("--json", help="Print a JSON object: is_confined, layers.")] = False,
) -> int:
    """Show how this machine confines the process that runs the model's code; exit code 1 if it cannot."""

    def work() -> int:
        from rlm_graph.cli.doctor import doctor

        return doctor(as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)
