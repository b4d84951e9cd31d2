"""`rlm-graph models`: what can be used here and now, at what price, and what `ask` would take."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import command_line
import pytest
from command_line import Outcome
from web_server import Page, WebServer

from rlm_graph.cli.models import Listed, table
from rlm_graph.testing import ScriptedServer

no_models = command_line.no_models
cli = command_line.cli

Cli = Callable[..., Outcome]
CLOSED = "http://127.0.0.1:9/v1"
"""Port 9 (discard) is one where nothing listens."""


def told(cli: Cli, *words: str) -> dict[str, Any]:
    """What it says as JSON."""
    return dict(json.loads(cli("models", "--json", *words).out))


def names(told: dict[str, Any]) -> list[str]:
    """The models in it."""
    return [model["name"] for model in told["models"]]


def test_without_a_key_there_are_the_rules(cli: Cli) -> None:
    """They are free; it says what would give more."""
    outcome = cli("models")
    assert (outcome.code, outcome.err) == (0, "")
    first, title, rules = outcome.out.splitlines()
    assert first.startswith(
        "ask would use offline rules (no model and no key: for a language model, set OPENAI_API_KEY"
    )
    assert title.split() == ["model", "window", "in/Mtok", "out/Mtok", "use", "because"]
    assert rules.split() == ["offline", "rules", "free", "free", "both", "always"]


def test_a_key_gives_the_models_that_ask_would_take(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """With window, prices, what each would be, and why; `--all` gives all that have a price."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    found = told(cli)
    assert found["choice"] == {
        "model": "openai:gpt-4.1",
        "sub_model": "openai:gpt-4.1-mini",
        "why": "OPENAI_API_KEY is set",
    }
    assert found["models"][0] == {
        "name": "openai:gpt-4.1",
        "why": "OPENAI_API_KEY",
        "window_tokens": 1_000_000,
        "input_usd_per_mtok": 2.0,
        "output_usd_per_mtok": 8.0,
        "used_as": "root",
    }
    assert names(found) == ["openai:gpt-4.1", "openai:gpt-4.1-mini", "offline rules"]
    everything = names(told(cli, "--all"))
    assert len(everything) > 20
    assert {"openai:gpt-4.1-nano", "openai:gpt-4o"} < set(everything)
    assert not any("tts" in name or "embed" in name or "audio" in name for name in everything)
    assert len(set(everything)) == len(everything)
    assert "sk-test" not in cli("models").out


def test_what_the_environment_names_comes_first(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without a price is listed too; a key whose package is missing is told."""
    monkeypatch.setenv("RLM_GRAPH_MODEL", "openai:ours")
    monkeypatch.setenv("RLM_GRAPH_SUB_MODEL", "openai:gpt-4.1-mini")
    monkeypatch.setenv("GOOGLE_API_KEY", "x")
    has_google = find_spec("langchain_google_genai") is not None
    found = told(cli)
    first, second, *_ = found["models"]
    assert (first["name"], first["used_as"], first["input_usd_per_mtok"]) == ("openai:ours", "root", None)
    assert (second["name"], second["used_as"], second["why"]) == ("openai:gpt-4.1-mini", "sub", "RLM_GRAPH_SUB_MODEL")
    note = "GOOGLE_API_KEY is set, but langchain-google-genai is not installed"
    assert found["notes"] == ([] if has_google else [note])
    assert ("google_genai:gemini-2.5-pro" in names(found)) == has_google
    line = next(line for line in cli("models").out.splitlines() if line.startswith("openai:ours"))
    assert line.split()[1:4] == ["?", "?", "?"]


def test_a_server_of_ones_own_is_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its models; one that is not there is an error, and the rest is listed."""
    with ScriptedServer({"one": "", "two": ""}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        found = told(cli)
        assert names(found) == ["openai:one", "openai:two", "offline rules"]
        assert [model["used_as"] for model in found["models"]] == ["both", "", ""]
    monkeypatch.setenv("OPENAI_BASE_URL", CLOSED)
    outcome = cli("models")
    assert outcome.code == 27
    assert "no connection to http://127.0.0.1:9/v1" in outcome.error
    assert "offline rules" in outcome.out
    assert told(cli)["choice"] is None
    assert "no connection to" in told(cli)["problems"][0]


def test_offline_asks_nobody(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the server nor Ollama."""
    with WebServer(OLLAMA) as web:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{web.address}/v1")
        monkeypatch.setenv("OLLAMA_HOST", web.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
        found = told(cli, "--offline")
        assert web.asked == []
        assert found["choice"]["model"] == "offline rules"
        assert "anthropic:claude-sonnet-4-5" in names(found)


def test_ollama_is_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its models are free; those that only embed are none."""
    with WebServer(OLLAMA) as web:
        monkeypatch.setenv("OLLAMA_HOST", web.address)
        found = told(cli)
    assert set(web.asked) == {"/api/tags"}
    assert names(found) == ["ollama:llama3:8b", "ollama:qwen", "offline rules"]
    assert found["models"][0]["input_usd_per_mtok"] == 0.0
    assert found["models"][0]["used_as"] == "both"


OLLAMA = Page(json.dumps({"models": [{"name": n} for n in ("llama3:8b", "nomic-embed-text", "qwen")]}).encode())
"""What an Ollama tells of its models."""


def test_the_table_fits_a_terminal() -> None:
    """A line that is too long is cut; in a pipe it is not."""
    found = [Listed("openai:" + "x" * 40, "OPENAI_API_KEY", 128_000, 0.05, 1234.5, "root")]
    assert max(map(len, table(found, 80).splitlines())) <= 80
    assert table(found, None).splitlines()[1].endswith("128k  $0.0500  $1,234.50  root  OPENAI_API_KEY")
