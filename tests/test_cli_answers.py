"""`rlm-graph ask --schema` and `--citations`: JSON on stdout, and on stderr what the answer rests on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import command_line
import pytest
from command_line import Outcome
from scripts import code

from rlm_graph.testing import ScriptedServer

no_models = command_line.no_models
text = command_line.text
cli = command_line.cli

Cli = Callable[..., Outcome]
Serve = Callable[..., ScriptedServer]


@pytest.fixture
def schema(tmp_path: Path) -> str:
    """The name of a file with a JSON Schema."""
    path = tmp_path / "schema.json"
    path.write_text('{"type": "object", "properties": {"end": {"type": "string"}}, "required": ["end"]}')
    return str(path)


def test_the_answer_is_json_of_the_schema(cli: Cli, serve: Serve, text: str, schema: str) -> None:
    """On stdout, alone; what does not fit goes back to the model."""
    server = serve({"root": [code("FINAL('the end')"), code("FINAL({'end': context[-8:].strip() + '\u00e9'})")]})
    done = cli("How does it end?", text, "--schema", schema, server=server)
    assert (done.code, json.loads(done.out)) == (0, {"end": "the end\u00e9"})
    assert done.out.isascii()


def test_a_run_is_gone_on_with_in_its_form(cli: Cli, serve: Serve, text: str, schema: str) -> None:
    """Resumed, forked and told again, as it was begun."""
    server = serve({"root": [code("FINAL({'end': 1})"), "FINAL(1)", "FINAL(1)", code("FINAL({'end': 'x'})")]})
    begun = ("How?", text, "--schema", schema, "--run", "typed", "--max-iterations", "1")
    assert cli(*begun, server=server).code == 30
    done = cli("resume", "typed", "--max-iterations", "5")
    assert (done.code, json.loads(done.out)) == (0, {"end": "x"})
    done = cli("resume", "typed", "--json")
    assert json.loads(done.out)["structured_response"] == {"end": "x"}
    done = cli("fork", "typed", "--at", "1", "--as", "other", "--code", _file(text, "FINAL({'end': 'y'})"))
    assert (done.code, json.loads(done.out)) == (0, {"end": "y"}), done.err


def _file(beside: str, content: str) -> str:
    path = Path(beside).with_name("cell.py")
    path.write_text(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        ("{", "holds no JSON: "),
        ("[]", "must hold a JSON object"),
        ('{"type": "nothing"}', "the schema cannot be used"),
    ],
)
def test_a_schema_that_is_none_is_wrong_usage(
    cli: Cli, serve: Serve, text: str, tmp_path: Path, content: str | None, reason: str
) -> None:
    """And nothing has begun."""
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    done = cli("How?", text, "--schema", str(path), server=serve({"root": []}))
    assert done.code == 2
    assert reason in done.error
    assert "there are no runs" in cli("runs").err


def test_citations_are_told_on_stderr(cli: Cli, serve: Serve, text: str) -> None:
    """Where, how often and what; with --json they are in the object."""
    reply = code("FINAL('so', evidence=['the end', 'abc def\\\\n'[:7]])")
    done = cli("How?", text, "--citations", server=serve({"root": [reply]}))
    assert (done.code, done.out) == (0, "so\n")
    assert "[1] 0, 2992-2999: the end" in done.err
    assert "[2] 0, 0-7 (272 times): abc def" in done.err
    told = json.loads(cli("How?", text, "--citations", "--json", server=serve({"root": [reply]})).out)
    assert [one["text"] for one in told["citations"]] == ["the end", "abc def"]
    assert (told["evidence_problems"], "structured_response" in told) == ([], False)


def test_documents_are_told_by_name_and_what_is_missing_too(cli: Cli, serve: Serve, text: str, schema: str) -> None:
    """As warnings, where the answer had to be taken with it."""
    reply = code("FINAL('so', evidence=[(0, 0, 3), 'made up'])")
    done = cli("How?", text, schema, "--citations", server=serve({"root": [reply] * 4}))
    assert done.code == 0
    assert "notes.txt, 0-3: abc" in done.err
    assert "warning: evidence left out: evidence[1]: not in the context: 'made up'" in done.err


def test_the_rules_cite_nothing_and_say_so(cli: Cli, text: str, schema: str) -> None:
    """They count over the whole context; for a form they refuse, as for any question that is not theirs."""
    question = 'How many lines contain "def"?'
    done = cli("ask", question, text, "--offline", "--citations")
    assert (done.code, done.out) == (0, '272 lines containing "def"\n')
    assert "no citations" in done.err
    done = cli("ask", question, text, "--offline", "--schema", schema)
    assert done.code == 40
    assert "rules answer in words" in done.err
