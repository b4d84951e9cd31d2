"""Which models answer, when a command line does not say: the first that there is.

    --model, RLM_GRAPH_MODEL            as named
    OPENAI_BASE_URL, OPENAI_API_KEY     OpenAI, or a server that speaks its API
    ANTHROPIC_API_KEY, GOOGLE_API_KEY   if LangChain's package for it is installed
    OLLAMA_HOST, or 127.0.0.1:11434     if Ollama runs there and has a model
    otherwise                           the offline rules

Only the command line and the served graph (`studio/`) choose; `create_rlm` takes the models that it is given.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from rlm_graph.errors import (
    ConfigError,
    ModelAuthError,
    ModelResponseError,
    ModelServerError,
    ModelUnreachableError,
    UnknownModelError,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

OLLAMA_TIMEOUT_S = 0.3
"""Whoever has no Ollama waits for this, and only if something swallows packets: a closed port answers at once."""

SERVER_TIMEOUT_S = 10.0

DEFAULTS = (
    ("OPENAI_API_KEY", "langchain_openai", "openai:gpt-4.1", "openai:gpt-4.1-mini"),
    ("ANTHROPIC_API_KEY", "langchain_anthropic", "anthropic:claude-sonnet-4-5", "anthropic:claude-haiku-4-5"),
    ("GOOGLE_API_KEY", "langchain_google_genai", "google_genai:gemini-2.5-pro", "google_genai:gemini-2.5-flash"),
)
"""Root model and sub-model where a key is set and LangChain's package for the provider is installed."""


@dataclass(frozen=True)
class Choice:
    """The models of a run, and why they are these."""

    name: str
    """Name of the root model."""

    sub_name: str
    """Name of the sub-model."""

    why: str
    """What decided, in a few words."""

    notes: tuple[str, ...] = field(default=())
    """What was passed over, one sentence each."""

    by: Literal["name", "ollama", "rules"] = "name"
    """What makes the root model: its name, the Ollama that runs, or the rules."""

    @property
    def model(self) -> BaseChatModel | None:
        """The root model, where a name alone does not make it; None: `name` does. It is made anew each time."""
        # Imported here: each takes a second, and only its own choice needs it.
        if self.by == "rules":
            from rlm_graph.offline import OfflineRootModel

            return OfflineRootModel()
        if self.by == "ollama":
            from langchain.chat_models import init_chat_model

            address = _ollama_address(variable("OLLAMA_HOST"))
            name = self.name.removeprefix("ollama:")
            return init_chat_model(name, model_provider="openai", base_url=f"{address}/v1", api_key="ollama")
        return None

    def __str__(self) -> str:
        sub = "" if self.sub_name == self.name else f", sub-model {self.sub_name}"
        return f"{self.name}{sub} ({self.why})"


def choose_models(model: str | None, sub_model: str | None, *, offline: bool) -> Choice:
    """Choose the models for what the command line and the environment say.

    Raises:
        ConfigError: --offline and a model exclude each other.
        ModelError: the server of OPENAI_BASE_URL cannot be asked for its models.
    """
    if offline:
        if model or sub_model:
            raise ConfigError("--offline is without a model: leave out --model and --sub-model")
        return _rules("--offline")
    choice = _root_choice(model)
    if sub := sub_model or variable("RLM_GRAPH_SUB_MODEL"):
        return replace(choice, sub_name=sub)
    return choice


def choose_again(before: Choice, model: str | None, sub_model: str | None, *, offline: bool) -> Choice:
    """The models that a run had before, but for those that the command line names now.

    Raises:
        ConfigError: --offline and a model exclude each other.
    """
    if offline:
        return choose_models(model, sub_model, offline=True)
    if model is not None:
        before = Choice(model, model if before.sub_name == before.name else before.sub_name, "--model")
    return replace(before, sub_name=sub_model) if sub_model else before


def _root_choice(model: str | None) -> Choice:
    if model is not None:
        return Choice(model, model, "--model")
    if named := variable("RLM_GRAPH_MODEL"):
        return Choice(named, named, "RLM_GRAPH_MODEL is set")
    if variable("OPENAI_API_KEY") or variable("OPENAI_BASE_URL"):
        return _openai()
    notes: list[str] = []
    for key, package, name, sub_name in DEFAULTS[1:]:
        if not variable(key):
            continue
        if find_spec(package):
            return Choice(name, sub_name, f"{key} is set", notes=tuple(notes))
        notes.append(f"{key} is set, but {package.replace('_', '-')} is not installed")
    choice = _ollama() or _rules(
        "no model and no key: for a language model, set OPENAI_API_KEY, give --model or start Ollama"
    )
    return replace(choice, notes=(*notes, *choice.notes))


def _openai() -> Choice:
    base_url = variable("OPENAI_BASE_URL")
    why = f"OPENAI_BASE_URL is {base_url}" if base_url else "OPENAI_API_KEY is set"
    if named := variable("OPENAI_MODEL"):
        return Choice(f"openai:{named}", f"openai:{named}", f"{why}, OPENAI_MODEL too")
    if not base_url:
        return Choice(*DEFAULTS[0][2:], why)
    first = f"openai:{served_models(base_url)[0]}"
    return Choice(first, first, f"the first model of {base_url}")


def served_models(base_url: str) -> list[str]:
    """The models that a server which speaks OpenAI's API lists; at least one.

    Raises:
        ModelError: one of its kinds; the server cannot be asked, or lists none.
    """
    instead = "name a model with --model openai:NAME"
    key = variable("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        listed = _get_json(f"{base_url.rstrip('/')}/models", SERVER_TIMEOUT_S, headers)
    except urllib.error.HTTPError as error:
        error.close()
        kind = ModelAuthError if error.code in (401, 403) else ModelServerError
        raise kind(f"{base_url} was asked for its models and says HTTP {error.code}; {instead}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelUnreachableError(f"no connection to {base_url} (OPENAI_BASE_URL): {reason}") from error
    except ValueError as error:
        raise ModelResponseError(f"{base_url} was asked for its models and sent no list of them; {instead}") from error
    names = _names(listed, "data", "id")
    if not names:
        raise UnknownModelError(f"{base_url} lists no models; {instead}")
    return names


def _ollama() -> Choice | None:
    """The model that was pulled last into an Ollama that runs; None if there is none."""
    address, names = ollama_models()
    if not names:
        return None
    name = f"ollama:{names[0]}"
    return Choice(name, name, f"Ollama runs at {address}", by="ollama")


def ollama_models() -> tuple[str, list[str]]:
    """Where Ollama would run, and the models that it has, the one that was pulled last first; none if it does not."""
    address = ""
    try:
        address = _ollama_address(variable("OLLAMA_HOST"))
        listed = _get_json(f"{address}/api/tags", OLLAMA_TIMEOUT_S, {})
    except (OSError, HTTPException, ValueError):
        return address, []  # no Ollama there, which is what most machines have
    return address, [name for name in _names(listed, "models", "name") if "embed" not in name]


def _ollama_address(host: str) -> str:
    """The address for what OLLAMA_HOST may hold: a host, a port, both, a URL, or what the server listens on."""
    parts = urlsplit(host if "://" in host else f"http://{host}")
    name = parts.hostname or ""
    if name in ("", "0.0.0.0"):  # noqa: S104 - nothing is bound: it is where a client finds such a server
        name = "127.0.0.1"
    port = parts.port or ({"https": 443}.get(parts.scheme, 80) if "://" in host else 11434)
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{port}"


def _rules(why: str) -> Choice:
    name = "offline rules"
    return Choice(name, name, why, by="rules")


def _get_json(url: str, timeout_s: float, headers: dict[str, str]) -> Any:
    if not url.startswith(("http://", "https://")):
        raise urllib.error.URLError("it is no http address")
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http or https, see above
    with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310 - as above
        return json.load(response)


def _names(listed: Any, of: str, name: str) -> list[str]:
    """The names in a list of models that somebody else's server sent."""
    entries = listed.get(of) if isinstance(listed, dict) else None
    found = [entry.get(name) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [each for each in found if isinstance(each, str) and each]


def variable(name: str) -> str:
    """A variable of the environment; empty where it is not set."""
    return os.environ.get(name, "").strip()
