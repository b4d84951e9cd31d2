"""The command line, run in this process where that tells enough, and as real processes where it does not."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import command_line
import pytest
from command_line import Outcome, descendants, is_alive, process, read_all, wait_until
from web_server import Page, WebServer

from rlm_graph.cli.batch_progress import BatchProgress
from rlm_graph.cli.ending import WayOn, ended
from rlm_graph.cli.model_choice import choose_models
from rlm_graph.cli.progress import Progress
from rlm_graph.cli.screen import Screen, printable
from rlm_graph.cli.settings import SETTINGS
from rlm_graph.config import RLMConfig, _range
from rlm_graph.errors import ConfigError, ContextNotFoundError, RLMError
from rlm_graph.events import RLMEvent
from rlm_graph.testing import Reply, ScriptedServer, Usage, failures

if TYPE_CHECKING:
    from rlm_graph.cli.batch import Question

QUESTION = "What is it?"
CELL = "I look.\n```repl\nprint(len(context))\n```"
ANSWER = "```repl\nFINAL('forty-two')\n```"
RULES = "offline rules (no model and no key: for a language model, set OPENAI_API_KEY, give --model or start Ollama)"
CLOSED = "http://127.0.0.1:9/v1"
"""Port 9 (discard) is one where nothing listens."""


no_models = command_line.no_models
text = command_line.text
cli = command_line.cli


def open_files(pid: int) -> list[str]:
    """The names of the files that a process has open."""
    names = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            names.append(str(link.readlink()))
    return names


# Help and version


COMMANDS = [
    "ask",
    "batch",
    "resume",
    "runs",
    "show",
    "report",
    "watch",
    "export",
    "fork",
    "rm",
    "gc",
    "models",
    "serve",
    "doctor",
]


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)])
def test_help_and_version_import_nothing_heavy(words: list[str]) -> None:
    """They print to stdout at once: neither LangGraph nor LangChain nor anything of the graph is imported."""
    code = (
        "import sys; from rlm_graph.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'langgraph', 'langchain', 'langchain_core', 'openai', 'sqlalchemy', 'rlm_graph.graph', "
        "'rlm_graph.config'}; "
        "sys.exit(code or ' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rlm-graph" in done.stdout


def test_importing_the_command_line_does_not_import_pydantic() -> None:
    """The import is what every command waits for."""
    code = "import sys, rlm_graph.cli.app; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_is_readable_at_80_columns(cli: Callable[..., Outcome], command: str) -> None:
    """No line is wider, no option's name is cut off, and each setting is there, with its default where it has one."""
    help_text = cli(command, "--help").out
    assert max(map(len, help_text.splitlines())) <= 80
    assert not re.search(r"--\S*\N{HORIZONTAL ELLIPSIS}", help_text)
    words = " ".join(re.sub("[\N{BOX DRAWINGS LIGHT VERTICAL}]", " ", help_text).split())
    for setting in SETTINGS if command in ("ask", "batch", "resume", "fork") else []:
        name = setting.name.replace("_", "-")
        assert re.search(rf"--{name} ", help_text), name
        switch = name if setting.default else f"no-{name}"
        default = switch if isinstance(setting.default, bool) else setting.default
        assert (f"[default: {default}]" in words) == (command in ("ask", "batch")), name


def test_no_arguments_print_the_help(cli: Callable[..., Outcome]) -> None:
    """Usage goes to stdout, and the exit code says that nothing was done."""
    outcome = cli()
    assert outcome.code == 2
    assert "Usage" in outcome.out + outcome.err


def test_the_options_are_the_settings_of_a_run() -> None:
    """Each field of RLMConfig is an option with its name, type, default, range and description."""
    fields = {name: field for name, field in RLMConfig.model_fields.items() if name != "verbose"}
    assert [setting.name for setting in SETTINGS] == list(fields)
    for setting in SETTINGS:
        field = fields[setting.name]
        assert setting.default == field.default
        assert setting.choices == get_args(field.annotation)
        assert type(setting.default) is (field.annotation if not setting.choices else str)
        assert setting.help == " ".join((field.description or "").split())
        assert _range(setting.name, RLMConfig).endswith(setting.range.replace(",", ""))


def test_settings_are_words_of_a_command_line(cli: Callable[..., Outcome], text: str) -> None:
    """Numbers, switches and choices; a choice that there is not is wrong usage."""
    with ScriptedServer({"root": ["```repl\nFINAL(llm_query('?'))\n```"], "sub": "yes"}) as server:
        words = ["--no-run-ahead", "--cache", "run", "--max-usd", "0", "--sub-model", "openai:sub"]
        assert cli(QUESTION, text, *words, server=server).out == "yes\n"
    outcome = cli("ask", QUESTION, text, "--cache", "sometimes")
    assert outcome.code == 2
    assert "sometimes" in outcome.error


# An answer


def test_the_answer_goes_to_stdout_and_the_rest_to_stderr(cli: Callable[..., Outcome], text: str) -> None:
    """stdout holds the answer and one newline; stderr the model, a line per iteration and a summary."""
    with ScriptedServer({"root": [CELL, ANSWER]}) as server:
        outcome = cli(QUESTION, text, server=server)
    assert (outcome.code, outcome.out) == (0, "forty-two\n")
    lines = outcome.err.splitlines()
    assert lines[0] == "context: 3,000 characters"
    assert lines[1] == "model: openai:root (--model)"
    assert re.fullmatch(r"run: \d{4}-\d\d-\d\d-[a-z]+-[a-z]+", lines[2])
    assert re.fullmatch(r"iteration 1/25: 1 line of code, printed 5 characters, \d\.\d s", lines[3])
    assert re.fullmatch(r"iteration 2/25: 1 line of code, answer, \d\.\d s", lines[4])
    assert re.fullmatch(r"answered in 2 iterations, [\d,]+ tokens, \d\.\d s", lines[5])
    assert len(lines) == 6
    assert "\x1b" not in outcome.err


@pytest.mark.parametrize(
    ("value", "printed"), [("'a\\n'", "a\n"), ("'a\\n\\n'", "a\n\n"), ("''", "\n"), ("[1]", "[1]\n")]
)
def test_the_answer_is_printed_as_it_is(cli: Callable[..., Outcome], text: str, value: str, printed: str) -> None:
    """A newline is added only where there is none at the end."""
    with ScriptedServer({"root": [f"```repl\nFINAL({value})\n```"]}) as server:
        assert cli(QUESTION, text, "-q", server=server).out == printed


def test_json_tells_the_answer_and_how_it_came_about(cli: Callable[..., Outcome], text: str) -> None:
    """One object on one line, with the answer, the run's figures and the context."""
    cell = "```repl\nfound = llm_query('Which?')\nFINAL(found)\n```"
    sub = Reply(text="\N{GRINNING FACE} é", usage=Usage(7, 3))
    script = {"root": [Reply(text=cell, usage=Usage(100, 20))], "sub": sub}
    with ScriptedServer(script) as server:
        outcome = cli(QUESTION, text, "--json", "--sub-model", "openai:sub", server=server)
    assert outcome.code == 0
    assert outcome.out.count("\n") == 1
    told = json.loads(outcome.out)
    assert told.pop("elapsed_s") > 0
    assert re.fullmatch("[0-9a-f]{64}", told["context"].pop("sha256"))
    assert told.pop("repl_variables").keys() == {"found"}
    assert told.pop("run").startswith("20")
    assert told.pop("models").keys() == {"root", "sub"}
    assert told == {
        "exhausted": None,
        "requests": 2,
        "cache_hits": 0,
        "ran_ahead": 0,
        "profile": "default",
        "answer": "\N{GRINNING FACE} é",
        "status": "complete",
        "answered_by": "submitted",
        "model": "openai:root",
        "sub_model": "openai:sub",
        "iterations": 1,
        "sub_calls": 1,
        "total_input_tokens": 107,
        "total_output_tokens": 23,
        "cost_usd": None,
        "context": {"kind": "str", "items": 1, "chars": 3000, "skipped": [], "skipped_count": 0},
    }


def test_stdin_is_a_context(cli: Callable[..., Outcome]) -> None:
    """`-` reads standard input, byte for byte."""
    cell = "```repl\nFINAL(repr(context))\n```"
    with ScriptedServer({"root": [cell]}) as server:
        assert cli(QUESTION, "-", "-q", server=server, stdin=b"one\r\ntwo").out == "'one\\r\\ntwo'\n"


def test_a_folder_is_a_context_and_what_is_skipped_is_told(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    """Documents keep their names; files that cannot be read are named on stderr, the first few and how many."""
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
    for number in range(5):
        (tmp_path / f"{number}.bin").write_bytes(bytes(range(256)) * 8)
    cell = "```repl\nFINAL([d.name for d in context])\n```"
    with ScriptedServer({"root": [cell]}) as server:
        outcome = cli(QUESTION, str(tmp_path), server=server)
    assert outcome.out == '["0.txt", "1.txt", "2.txt"]\n'
    assert "context: 3 documents, 18 characters" in outcome.err
    assert re.search(
        r"^warning: 5 files skipped: 0\.bin: .*; 1\.bin: .*; 2\.bin: .*; and 2 more$", outcome.err, re.MULTILINE
    )


def test_settings_and_encoding_reach_the_run(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    """What an option says is what the model is asked with, and how the file is read."""
    (tmp_path / "a.txt").write_bytes("Ж".encode("koi8-r"))
    with ScriptedServer({"root": ["```repl\nFINAL(context)\n```"]}) as server:
        words = ["--temperature", "0.1", "--root-max-tokens", "77", "--encoding", "koi8-r"]
        outcome = cli(QUESTION, str(tmp_path / "a.txt"), *words, server=server)
    assert outcome.out == "Ж\n"
    assert (server.requests[0].temperature, server.requests[0].max_tokens) == (0.1, 77)


def test_an_answer_that_was_forced_says_so(cli: Callable[..., Outcome], text: str) -> None:
    """When the iterations run out, the best answer is an answer, with a warning that --quiet does not hide."""
    with ScriptedServer({"root": [CELL, "FINAL(a guess)"]}) as server:
        outcome = cli(QUESTION, text, "--max-iterations", "1", "-q", server=server)
    assert (outcome.code, outcome.out) == (0, "a guess\n")
    assert "warning: the iterations ran out" in outcome.err
    assert re.search(
        r"^for a better one, go on with: rlm-graph resume \S+ --max-iterations 2$", outcome.err, re.MULTILINE
    )


def test_no_answer_is_an_error_with_its_own_exit_code(cli: Callable[..., Outcome], text: str) -> None:
    """Nothing goes to stdout, and one line says why."""
    with ScriptedServer({"root": [CELL, CELL]}) as server:
        outcome = cli(QUESTION, text, "--max-iterations", "1", server=server)
    assert (outcome.code, outcome.out) == (30, "")
    assert outcome.error.startswith("no answer after 1 of 1 iterations")


# What stderr shows


def test_quiet_leaves_the_model_only(cli: Callable[..., Outcome], text: str) -> None:
    """Which model was used is always told."""
    with ScriptedServer({"root": [CELL, ANSWER]}) as server:
        assert cli(QUESTION, text, "--quiet", server=server).err == "model: openai:root (--model)\n"


def test_verbose_shows_replies_and_what_cells_printed(cli: Callable[..., Outcome], text: str) -> None:
    """Code, output, errors and sub-calls are shown, but nothing that could drive the terminal."""
    code = "print('\\x1b[31mred')\nllm_query('?')\nprint('y' * 5000)\nraise ValueError('broken')"
    with ScriptedServer({"root": [f"```repl\n{code}\n```", ANSWER], "sub": "no"}) as server:
        outcome = cli(QUESTION, text, "--verbose", "--sub-model", "openai:sub", server=server)
    assert outcome.out == "forty-two\n"
    assert "│ llm_query('?')" in outcome.err
    assert "│ \\x1b[31mred" in outcome.err
    assert "printed 5,010 characters, of which the root model sees 1,000" in outcome.err
    assert "│ ValueError: broken" in outcome.err
    assert "iteration 1/25: 4 lines of code, 1 sub-call, ValueError: broken" in outcome.err
    assert "\x1b" not in outcome.err
    assert "y" * 1001 not in outcome.err


def test_control_characters_are_shown_as_escapes() -> None:
    """Text from a context can neither move the cursor nor turn the line around; newlines and tabs stay."""
    assert printable("a\x1b[2Jb\r\x07\x9bc\u202ed\ud800\n\té") == "a\\x1b[2Jb\\r\\x07\\x9bc\\u202ed\\ud800\n\té"


def test_an_answer_that_is_refused_is_told(cli: Callable[..., Outcome], text: str, tmp_path: Path) -> None:
    """In the line of its iteration, with the first thing that is wrong with it."""
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"]}')
    replies = [f"```repl\nFINAL({answer})\n```" for answer in ("{'year': 'soon'}", "{'year': 2027}")]
    with ScriptedServer({"root": replies}) as server:
        outcome = cli(QUESTION, text, "--schema", str(schema), server=server)
    assert outcome.out == '{"year": 2027}\n'
    assert re.search(r"^iteration 1/25: 1 line of code, answer refused: .*year.*, \d\.\d s$", outcome.err, re.MULTILINE)
    assert "iteration 2/25: 1 line of code, answer, " in outcome.err


def test_a_cost_that_becomes_unknown_is_shown_as_none() -> None:
    """A run that is followed alone and one in a batch say the same: a sum without one of its parts would be wrong."""
    screen, question = Screen(), cast("Question", None)
    alone = Progress(screen, RLMConfig(), quiet=True, verbose=False)
    in_batch = BatchProgress(screen, 1, quiet=True).begin(question, lambda: None)
    for cost_usd, shown in ((0.25, "$0.25, "), (None, "")):
        detail = {"failed": False, "input_tokens": 1200, "output_tokens": 34, "cost_usd": cost_usd}
        for follower in (alone, in_batch):
            follower.event(RLMEvent("sub_call_end", 1, "", detail))
        assert f"1,234 tokens, {shown}0.0 s" in alone.summary("after")
        assert in_batch.state["cost_usd"] == cost_usd
        assert in_batch.state["total_input_tokens"] + in_batch.state["total_output_tokens"] == 1234


def test_logging_is_as_before(cli: Callable[..., Outcome], text: str) -> None:
    """A command line in somebody's process shows what is logged, and leaves no handlers and levels behind."""
    root = logging.getLogger()
    before = (root.level, [*root.handlers], warnings.showwarning)
    with ScriptedServer({"root": [failures.rate_limited(retry_after_s=0.01), ANSWER]}) as server:
        outcome = cli(QUESTION, text, "--verbose", server=server)
    assert re.search(r"^INFO rlm_graph: .*; asked again in 0\.01 s$", outcome.err, re.MULTILINE)
    assert (root.level, [*root.handlers], warnings.showwarning) == before


def test_a_terminal_is_shown_live_progress(text: str) -> None:
    """On a terminal of 80 columns, two lines that change show what happens; they are gone at the end."""
    ours, theirs = pty.openpty()
    code = "answers = llm_query_batched(['a', 'b', 'c'])\nFINAL('done')"
    sub = Reply(text="yes", delay_s=0.4)
    with (
        ScriptedServer({"root": Reply(text=f"```repl\n{code}\n```", delay_s=0.4), "sub": sub}) as server,
        process(QUESTION, text, "--sub-model", "openai:sub", server=server, stderr=theirs) as running,
    ):
        os.close(theirs)
        shown = read_all(ours)
        assert running.stdout is not None
        assert running.stdout.read() == b"done\n"
        assert running.wait(timeout=10) == 0
    os.close(ours)
    assert "iteration 1/25 · the root model thinks" in shown
    assert "iteration 1/25 · a cell runs · sub-calls: 0 done, 3 running" in shown
    assert "tokens in, " in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert max(len(line) for line in re.split("[\r\n]+", plain) if " · " in line) < 80
    assert "answered in 1 iteration, 3 sub-calls" in plain.splitlines()[-1]


# Which model


@pytest.mark.parametrize(
    ("words", "environment", "chosen"),
    [
        ({"model": "openai:a"}, {"RLM_GRAPH_MODEL": "openai:b"}, "openai:a (--model)"),
        ({"model": "openai:a", "sub_model": "openai:c"}, {}, "openai:a, sub-model openai:c (--model)"),
        ({}, {"RLM_GRAPH_MODEL": "openai:b", "OPENAI_API_KEY": "k"}, "openai:b (RLM_GRAPH_MODEL is set)"),
        ({"model": "openai:a"}, {"RLM_GRAPH_SUB_MODEL": "openai:b"}, "openai:a, sub-model openai:b (--model)"),
        ({}, {"OPENAI_API_KEY": "k"}, "openai:gpt-4.1, sub-model openai:gpt-4.1-mini (OPENAI_API_KEY is set)"),
        ({}, {"OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"}, "openai:m (OPENAI_API_KEY is set, OPENAI_MODEL too)"),
        (
            {},
            {"OPENAI_BASE_URL": CLOSED, "OPENAI_MODEL": "m"},
            f"openai:m (OPENAI_BASE_URL is {CLOSED}, OPENAI_MODEL too)",
        ),
        ({"offline": True}, {"OPENAI_API_KEY": "k"}, "offline rules (--offline)"),
        (
            {"sub_model": "openai:c"},
            {"OPENAI_API_KEY": "k"},
            "openai:gpt-4.1, sub-model openai:c (OPENAI_API_KEY is set)",
        ),
        (
            {},
            {},
            RULES,
        ),
    ],
)
def test_the_model_is_the_first_that_there_is(
    monkeypatch: pytest.MonkeyPatch, words: Mapping[str, Any], environment: Mapping[str, str], chosen: str
) -> None:
    """Options go before variables, variables before servers, and the reason is told."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(choose_models(**{"model": None, "sub_model": None, "offline": False} | words)) == chosen


def test_a_key_without_its_package_is_passed_over_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without langchain-anthropic, its key does not help, and the user is told what to install."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    choice = choose_models(None, None, offline=False)
    if choice.name == "offline rules":
        assert choice.notes == ("ANTHROPIC_API_KEY is set, but langchain-anthropic is not installed",)
    else:
        assert choice.name.startswith("anthropic:")


def test_a_server_of_ones_own_is_asked_for_its_models(cli: Callable[..., Outcome], text: str) -> None:
    """With OPENAI_BASE_URL and no name, the first model of its list answers; no key is needed."""
    with ScriptedServer({"some:model": [ANSWER]}) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        outcome = cli("ask", QUESTION, text)
        assert (outcome.code, outcome.out) == (0, "forty-two\n")
        assert f"model: openai:some:model (the first model of {server.base_url})" in outcome.err


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ('{"models": [{"name": "nomic-embed-text"}, {"name": "qwen3:8b"}]}', "ollama:qwen3:8b"),
        ('{"models": []}', "offline rules"),
        ("no JSON", "offline rules"),
    ],
)
def test_a_running_ollama_is_used(monkeypatch: pytest.MonkeyPatch, page: str, name: str) -> None:
    """Its first model that is not for embeddings; without one, the rules."""
    with WebServer({"/api/tags": Page(page.encode())}) as web:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{web.port}")
        choice = choose_models(None, None, offline=False)
    assert choice.name == name
    if name.startswith("ollama"):
        assert choice.why == f"Ollama runs at {web.address}"


@pytest.mark.parametrize(
    ("page", "exit_code"), [('{"data": []}', 21), ("<html>", 26), ('{"data": [{"id": 3}]}', 21), ("", 25)]
)
def test_a_server_without_a_list_of_models_is_an_error(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, text: str, page: str, exit_code: int
) -> None:
    """The message says what to do instead."""
    with WebServer({"/v1/models": Page(page.encode(), 200 if page else 404)}) as web:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{web.address}/v1")
        outcome = cli("ask", QUESTION, text)
    assert outcome.code == exit_code
    assert "name a model with --model openai:NAME" in outcome.error


def test_the_offline_rules_answer_without_a_model(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    """A counting question is answered exactly, and stderr says by what."""
    (tmp_path / "a.log").write_text("level=ERROR x\nlevel=INFO y\nlevel=ERROR z\n")
    outcome = cli("ask", "How many lines contain 'ERROR'?", str(tmp_path / "a.log"))
    assert outcome.code == 0
    assert "2" in outcome.out
    assert "model: offline rules (no model and no key" in outcome.err


def test_the_offline_rules_refuse_what_needs_a_model(cli: Callable[..., Outcome], text: str) -> None:
    """A question for a language model has its own exit code."""
    outcome = cli("ask", "Summarize the notes.", text, "--offline")
    assert (outcome.code, outcome.out) == (40, "")
    assert "--model" in outcome.err


# Bad input


def no_file(folder: Path) -> list[str]:
    return [QUESTION, str(folder / "missing.txt")]


def empty_file(folder: Path) -> list[str]:
    (folder / "empty.txt").touch()
    return [QUESTION, str(folder / "empty.txt")]


def binary_folder(folder: Path) -> list[str]:
    (folder / "binary").mkdir()
    (folder / "binary" / "a.bin").write_bytes(bytes(range(256)) * 8)
    return [QUESTION, str(folder / "binary")]


def some_file(folder: Path) -> str:
    (folder / "some.txt").write_text("text")
    return str(folder / "some.txt")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (no_file, 11, "no such file"),
        (lambda folder: [QUESTION, str(folder / "*.log")], 11, "no file matches"),
        (empty_file, 12, "empty"),
        (binary_folder, 14, "a.bin"),
        (lambda folder: [QUESTION], 2, "Missing argument 'CONTEXT'"),
        (
            lambda folder: [QUESTION, some_file(folder), "--model", "no-such-model"],
            21,
            "no such model: 'no-such-model'",
        ),
        (lambda folder: [QUESTION, some_file(folder), "--model", "nowhere:x"], 21, "no such model: 'nowhere:x'"),
        (lambda folder: [QUESTION, some_file(folder), "--model", "openai:gpt-4.1"], 22, "set OPENAI_API_KEY"),
        (lambda folder: ["  ", some_file(folder)], 2, "question: '  ' is not allowed"),
        (lambda folder: [QUESTION, some_file(folder), "--max-iterations", "0"], 2, "max_iterations: 0 is not allowed"),
        (lambda folder: [QUESTION, some_file(folder), "--sandbox-timeout", "nan"], 2, "sandbox_timeout: nan"),
        (lambda folder: [QUESTION, some_file(folder), "--max-iterations", "x"], 2, "--max-iterations"),
        (lambda folder: [QUESTION, some_file(folder), "--no-such-option"], 2, "--no-such-option"),
        (lambda folder: [QUESTION, some_file(folder), "-q", "-v"], 2, "--quiet and --verbose"),
        (lambda folder: [QUESTION, some_file(folder), "--offline", "--model", "openai:x"], 2, "--offline"),
        (lambda folder: [QUESTION, some_file(folder), "--encoding", "no-such"], 14, "no-such"),
        (lambda _: [QUESTION, ""], 11, "a name of the context is empty"),  # "$FILE", which is not set
        (lambda _: [QUESTION, "ftp://127.0.0.1:9/x"], 14, "ftp://127.0.0.1:9/x cannot be read: ConnectionRefused"),
        (lambda folder: [QUESTION, some_file(folder), "--schema", "no.json"], 2, "'no.json' cannot be read: No such"),
        (lambda folder: [QUESTION, some_file(folder), "--schema", some_file(folder)], 2, "holds no JSON: "),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(
    cli: Callable[..., Outcome], tmp_path: Path, words: Callable[[Path], list[str]], code: int, message: str
) -> None:
    """The line says what is wrong; with --json, stdout says the same."""
    outcome = cli("ask", *words(tmp_path), "--json")
    assert outcome.code == code
    assert message in outcome.error
    told = json.loads(outcome.out)["error"]
    assert told["exit_code"] == code
    assert outcome.error.startswith(told["message"])


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (failures.unauthorized("sk-test"), 23, "HTTP 401"),
        (failures.model_not_found("root"), 21, "HTTP 404"),
        (failures.rate_limited(retry_after_s=0.01), 24, "HTTP 429"),
        (Reply(status=500, headers={"Retry-After": "0.01"}), 25, "HTTP 500"),
        (Reply(raw_body="<html>no completion</html>", headers={"content-type": "text/html"}), 26, "no chat completion"),
        (Reply(raw_body=""), 26, "no chat completion"),
        (Reply(raw_body='{"choices": 3}'), 26, "no chat completion"),
        (Reply(hang=True), 27, "0.2 s (call_timeout)"),
    ],
)
def test_a_server_that_fails_is_one_line_and_an_exit_code(
    cli: Callable[..., Outcome], text: str, reply: Reply, code: int, message: str
) -> None:
    """Each way to fail has an exit code of its own."""
    limit = ["--call-timeout", "0.2"] if reply.hang else []
    with ScriptedServer({"root": reply}) as server:
        outcome = cli(QUESTION, text, *limit, server=server)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.error


def test_a_server_that_is_not_there_is_one_line(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A closed port is said to be one, whether its models are asked for or not."""
    monkeypatch.setenv("OPENAI_BASE_URL", CLOSED)
    outcome = cli("ask", QUESTION, text)
    assert outcome.code == 27
    assert CLOSED in outcome.error
    outcome = cli("ask", QUESTION, text, "--model", "openai:m")
    assert outcome.code == 27
    assert "no connection" in outcome.error


def test_wrong_usage_is_one_line(cli: Callable[..., Outcome]) -> None:
    """Where the choices for an option are told, too."""
    outcome = cli("export", "nightly")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "Missing option '--format' / '-f'. Choose from: rlms, chrome, otel" in outcome.error


@pytest.mark.parametrize("words", ["models --offline --json", "doctor", "--version", "--help"])
def test_a_full_disk_is_one_line(words: str) -> None:
    """Whatever was to be written to it: a page of help, and the error itself, which --json tells on stdout too."""
    ran = subprocess.run(["bash", "-c", f"{sys.executable} -m rlm_graph {words} > /dev/full"], capture_output=True)
    assert (ran.returncode, ran.stderr) == (1, b"error: [Errno 28] No space left on device\n")


def raising(error: BaseException) -> Callable[[WayOn], int]:
    def work(_: WayOn) -> int:
        raise error

    return work


def test_a_bug_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is called a bug, without a traceback."""
    assert ended(raising(KeyError("some\nname")), as_json=False, verbose=False) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: KeyError: ")
    assert "this is a bug" in error
    assert "RLM_GRAPH_DEBUG=1" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("error", [KeyError("name"), ContextNotFoundError("no such file"), OSError(28, "disk full")])
def test_the_traceback_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """RLM_GRAPH_DEBUG=1 is for whoever mends it."""
    monkeypatch.setenv("RLM_GRAPH_DEBUG", "1")
    ended(raising(error), as_json=False, verbose=False)
    assert "Traceback" in capsys.readouterr().err


def test_verbose_says_how_to_get_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The hint is for those who want to see more."""
    ended(raising(ConfigError("no")), as_json=False, verbose=True)
    assert capsys.readouterr().err == "error: no (RLM_GRAPH_DEBUG=1 shows the traceback)\n"


def test_each_kind_of_error_has_its_own_exit_code() -> None:
    """A script can tell them apart; 1 is a bug, 2 wrong usage, and 128 and above are signals."""

    def kinds(base: type[RLMError]) -> list[type[RLMError]]:
        return [base, *(kind for sub in base.__subclasses__() for kind in kinds(sub))]

    codes = [kind.exit_code for kind in kinds(RLMError) if kind.__module__ == "rlm_graph.errors"]
    assert len(set(codes)) == len(codes)
    assert all(code in (1, 2) or 10 <= code < 126 for code in codes)


# Signals and pipes


@pytest.mark.parametrize(
    ("busy_with", "sent", "code", "limit_s"),
    [
        ("a server that hangs", signal.SIGINT, 130, 5),
        ("a cell", signal.SIGTERM, 143, 2),
        ("sub-calls", signal.SIGINT, 130, 5),
    ],
)
def test_a_signal_stops_a_run_at_a_safe_point(
    text: str, busy_with: str, sent: signal.Signals, code: int, limit_s: float
) -> None:
    """It says so at once, stops within seconds, says how to go on, without a traceback; no worker process is left."""
    with busy(text, busy_with) as running:
        workers = descendants(running.pid)
        assert workers
        began = time.monotonic()
        running.send_signal(sent)
        out, err = running.communicate(timeout=10)
        assert time.monotonic() - began < limit_s
        assert (running.returncode, out) == (code, b"")
        assert not any(map(is_alive, workers))
    assert "Traceback" not in err.decode()
    lines = err.decode().splitlines()
    assert "stopping at a safe point (again to stop at once)" in lines
    assert re.fullmatch(r"stopped; go on with: rlm-graph resume \S+", lines[-1])


def test_a_second_signal_ends_a_run_at_once(text: str) -> None:
    """It does not wait for what is in flight; the last line is the same."""
    with busy(text, "sub-calls") as running:
        running.send_signal(signal.SIGTERM)
        assert running.stderr is not None
        while b"stopping at a safe point" not in running.stderr.readline():
            pass
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
        assert time.monotonic() - began < 2
        assert running.returncode == 130
    assert err.decode().splitlines()[-1].startswith("stopped; go on with: rlm-graph resume ")


@contextmanager
def busy(text: str, with_what: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is busy with something that does not end."""
    cells = {"a cell": "while True: pass", "sub-calls": "llm_query_batched(['?'] * 20)"}
    script = f"```repl\nprint('go')\n{cells[with_what]}\n```" if with_what in cells else Reply(hang=True)
    with (
        ScriptedServer({"root": script, "sub": Reply(hang=True)}) as server,
        process(QUESTION, text, "--sub-model", "openai:sub", server=server) as running,
    ):
        wait_until(lambda: server.count("sub") == 20 if with_what == "sub-calls" else server.count("root"))
        if with_what == "a cell":
            wait_until(lambda: any(is_busy(pid) for pid in descendants(running.pid)))
        yield running


def is_busy(pid: int) -> bool:
    """Whether a process has computed for a while."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return fields[0] == "R" and int(fields[11]) > 20  # 0.2 s


def test_ctrl_c_while_stdin_is_read_ends_it(tmp_path: Path) -> None:
    """Before the run has begun it is no different."""
    with process("ask", QUESTION, "-", "--offline", stdin=subprocess.PIPE) as running:
        wait_until(lambda: any("rlm-graph-" in name for name in open_files(running.pid)))
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=10)
    assert (running.returncode, out) == (130, b"")
    assert err.decode() == "interrupted\n"


def test_a_reader_that_goes_away_is_no_error(text: str) -> None:
    """`| head` ends the answer quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    cell = "```repl\nFINAL('line\\n' * 100_000)\n```"
    with (
        ScriptedServer({"root": [cell]}) as server,
        process(QUESTION, text, "-q", server=server, stdout=writer) as running,
    ):
        os.close(writer)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 141
    assert err.decode() == "model: openai:root (--model)\n"


def test_serve_needs_an_extra() -> None:
    """The message names it."""
    program = "import sys\nsys.modules['langgraph_api'] = None\nfrom rlm_graph.cli import main\nexit(main(['serve']))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 15
    assert ran.stderr == "error: serve needs LangGraph's server: pip install 'rlm-graph[studio]'\n"
