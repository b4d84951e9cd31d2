"""The commands and their options. Importing this imports typer and nothing heavy: `--help` is at once."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Annotated, Any, Literal

import typer
from typer import Argument, BadParameter, Option

from rlm_graph import __version__
from rlm_graph.cli.completion import model_names, run_names, whole_words
from rlm_graph.cli.ending import USAGE, WayOn, ended, fail, unwritten
from rlm_graph.cli.settings import as_words, changed, settings_as_options

# Typer's usage errors (an unknown option, a missing argument) have no public base class; this is it.
_UsageProblem: Any = BadParameter.__mro__[2]

DEFAULT_JOBS = 4
"""Questions of a batch that are answered at once."""

_MODELS, _OUTPUT, _STORAGE, _PERSON = "Models", "Output", "Storage", "Answers to a run that waits for a person"

# Options that several commands have.
RunName = Annotated[str, Argument(help="The run.", metavar="NAME", autocompletion=run_names)]
Browse = Annotated[bool, Option("--open", help="Show it in a browser.")]
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
Model = Annotated[
    str | None,
    Option(
        help="Root model, as provider:name. Without it: RLM_GRAPH_MODEL, else a model of OpenAI, Anthropic or "
        "Google if its key is set, else a running Ollama, else the offline rules.",
        metavar="NAME",
        rich_help_panel=_MODELS,
        autocompletion=model_names,
    ),
]
SubModelName = Annotated[
    str | None,
    Option(
        "--sub-model",
        help="Model that sub-calls ask. Without it: RLM_GRAPH_SUB_MODEL, else the root model.",
        metavar="NAME",
        rich_help_panel=_MODELS,
        autocompletion=model_names,
    ),
]
OtherModel = Annotated[
    str | None,
    Option(
        "--model",
        help="Another root model, as provider:name.",
        metavar="NAME",
        rich_help_panel=_MODELS,
        autocompletion=model_names,
    ),
]
OtherSubModel = Annotated[
    str | None,
    Option(
        "--sub-model",
        help="Another model that sub-calls ask.",
        metavar="NAME",
        rich_help_panel=_MODELS,
        autocompletion=model_names,
    ),
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
    pretty_exceptions_enable=False,
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of this process if none is given, and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    # At its end, Python looks for garbage among the million objects of LangChain's modules; it takes a second or two.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    try:
        with whole_words() if os.environ.get("_RLM_GRAPH_COMPLETE") == "complete_bash" else nullcontext():
            return app(args=words, prog_name="rlm-graph", standalone_mode=False) or 0
    except OSError as error:  # of --help and --version; commands handle their own
        return unwritten(error, as_json=False)
    except _UsageProblem as problem:
        text = " ".join(problem.format_message().split()).rstrip(".")
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
    schema: Annotated[
        str | None,
        Option(
            help="What the answer must be: a file with a JSON Schema. The answer on stdout is JSON then.",
            metavar="FILE",
        ),
    ] = None,
    model: Model = None,
    sub_model: SubModelName = None,
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
            schema=schema,
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


@app.command("show")
def show_command(
    name: RunName,
    at: Annotated[int | None, Option(help="Show this iteration only.", metavar="N")] = None,
    full: Annotated[bool, Option("--full", help="Shorten nothing, and show each sub-call.")] = False,
    store: Store = None,
    database: Database = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object: the whole story.", rich_help_panel=_OUTPUT)
    ] = False,
) -> int:
    """Show what happened in a run: what the root model thought, what its code printed and asked, and the answer."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.show import show

        return show(name, at=at, full=full, store=store, database=database, as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)


@app.command("export")
def export_command(
    name: RunName,
    form: Annotated[
        Literal["rlms", "chrome", "otel"],
        Option(
            "--format",
            "-f",
            help="rlms: the log that the official rlms package writes and its viewer reads. chrome: a trace for "
            "Perfetto and chrome://tracing. otel: OpenTelemetry spans, to a file or to OTEL_EXPORTER_OTLP_ENDPOINT.",
        ),
    ],
    output: Annotated[
        str | None,
        Option("--output", "-o", help="Where it goes: a file; else stdout, or where OTEL_... says.", metavar="FILE"),
    ] = None,
    store: Store = None,
    database: Database = None,
) -> int:
    """Write what happened in a run in a form that other programs read."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.export import export

        return export(name, form, output=output, store=store, database=database)

    return ended(work, as_json=False, verbose=False)


@app.command("report")
def report_command(
    name: RunName,
    output: Annotated[
        str | None,
        Option("--output", "-o", help="The file, or - for stdout; else NAME.html in this folder.", metavar="FILE"),
    ] = None,
    at: Annotated[int | None, Option(help="Tell it as it stood after this iteration.", metavar="N", min=0)] = None,
    browse: Browse = False,
    store: Store = None,
    database: Database = None,
) -> int:
    """Write what happened in a run as one page of HTML that needs nothing else: to look at, to send, to keep."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.report import report

        return report(name, output=output, at=at, browse=browse, store=store, database=database)

    return ended(work, as_json=False, verbose=False)


@app.command("watch")
def watch_command(
    name: RunName,
    port: Annotated[int, Option(help="Port to listen on; 0: one that is free.", min=0, max=65535)] = 0,
    browse: Browse = False,
    store: Store = None,
    database: Database = None,
) -> int:
    """Serve the report of a run on this machine while the run goes on, here or in another process; Ctrl-C ends it."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.watch import watch

        return watch(name, port=port, browse=browse, store=store, database=database)

    return ended(work, as_json=False, verbose=False)


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
    names: Annotated[
        list[str],
        Argument(
            help="The runs; a pattern such as 'questions.*' is all that match.",
            metavar="NAME",
            autocompletion=run_names,
        ),
    ],
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


@app.command("batch")
@settings_as_options(with_defaults=True)
def batch_command(
    questions: Annotated[
        str,
        Argument(
            help='The questions: a file with one JSON object a line, such as {"query": "..."}; - for stdin.',
            metavar="QUESTIONS",
        ),
    ],
    results: Annotated[
        str,
        Option("--output", "-o", help="Where the results go: a file with one JSON object a line.", metavar="RESULTS"),
    ],
    context: Annotated[
        list[str] | None,
        Argument(
            help="What they are about, those aside that say it themselves: files, folders, globs, URIs, or -.",
            metavar="CONTEXT",
        ),
    ] = None,
    jobs: Annotated[int, Option("--jobs", "-j", help="Questions at once.", metavar="N", min=1, max=256)] = DEFAULT_JOBS,
    max_total_usd: Annotated[
        float,
        Option(
            help="Stop when all questions together have cost this, earlier times counted in; 0 means no limit.",
            metavar="USD",
            min=0,
        ),
    ] = 0,
    name: Annotated[
        str | None,
        Option(help="Name of the batch, with which its runs' names begin; else that of the file.", metavar="NAME"),
    ] = None,
    encoding: Annotated[
        str | None,
        Option(help="Encoding of the text files. Without it, that of each file is found out.", metavar="NAME"),
    ] = None,
    schema: Annotated[
        str | None,
        Option(help="What the answers must be: a file with a JSON Schema.", metavar="FILE"),
    ] = None,
    model: Model = None,
    sub_model: SubModelName = None,
    offline: Offline = False,
    store: Store = None,
    database: Database = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object: the summary.", rich_help_panel=_OUTPUT)
    ] = False,
    quiet: Quiet = False,
    verbose: Annotated[bool, Option("--verbose", "-v", help="Show the logs.", rich_help_panel=_OUTPUT)] = False,
    **settings: Any,
) -> int:
    """Answer many questions, over one or many contexts: each is a run of its own, its result a line of JSON.

    Begun again, it asks only what has no answer yet. A line of QUESTIONS may have: query, id, context (the text or JSON
    itself) or files, model, sub_model, encoding, schema, any setting, and metadata, which its result carries.
    """
    given = {
        "--jobs": jobs if jobs != DEFAULT_JOBS else None,
        "--max-total-usd": max_total_usd or None,
        "--name": name,
        "--encoding": encoding,
        "--schema": schema,
        "--model": model,
        "--sub-model": sub_model,
    }
    words = ["rlm-graph", "batch", questions, *(context or []), "--output", results]
    words += [word for option, value in given.items() if value is not None for word in (option, str(value))]
    words += [*(["--offline"] if offline else []), *as_words(changed(settings))]

    def work(way_on: WayOn) -> int:
        from rlm_graph.cli.batch import batch
        from rlm_graph.cli.screen import Output

        return batch(
            questions,
            context or [],
            results=results,
            name=name,
            jobs=jobs,
            max_total_usd=max_total_usd,
            encoding=encoding,
            schema=schema,
            store=store,
            database=database,
            model=model,
            sub_model=sub_model,
            offline=offline,
            output=Output(as_json, quiet, verbose),
            settings=settings,
            way_on=way_on,
            words=words,
        )

    return ended(work, as_json=as_json, verbose=verbose)


@app.command("models")
def models_command(
    everything: Annotated[
        bool, Option("--all", help="Of providers whose key is set, list all models that have a price.")
    ] = False,
    offline: Annotated[bool, Option("--offline", help="Ask no server which models it has.")] = False,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object: choice, models, notes, problems.", rich_help_panel=_OUTPUT)
    ] = False,
) -> int:
    """List the models that can be used here and now: window, prices, and which ones ask would take, and why."""

    def work(_: WayOn) -> int:
        from rlm_graph.cli.models import models

        return models(offline=offline, everything=everything, as_json=as_json)

    return ended(work, as_json=as_json, verbose=False)


@app.command("serve")
def serve_command(
    host: Annotated[str, Option(help="Address to listen on.", metavar="HOST")] = "127.0.0.1",
    port: Annotated[int, Option(help="Port; if it is taken, another one is.", metavar="N", min=1, max=65535)] = 2024,
    jobs: Annotated[int, Option("--jobs", "-j", help="Runs at once.", metavar="N", min=1, max=256)] = 10,
    no_browser: Annotated[bool, Option("--no-browser", help="Do not open Studio in a browser.")] = False,
) -> int:
    """Serve the graph to LangGraph Studio, the SDK, MCP and A2A (with the extra `studio`), until Ctrl-C.

    The models are those of ask; the environment says what callers may choose, and which places they may name.
    """

    def work(_: WayOn) -> int:
        from rlm_graph.cli.serve import serve

        return serve(host=host, port=port, browser=not no_browser, jobs=jobs)

    return ended(work, as_json=False, verbose=False)


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
