"""LangChain's chat models as objects: from a name to a model, what one is called, and one like it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel

from rlm_graph.errors import MissingKeyError, ModelError, UnknownModelError
from rlm_graph.models.failures import first_line


def resolve_model(model: str | BaseChatModel) -> BaseChatModel:
    """A chat model from its name (`provider:model`, as `init_chat_model` takes it), or the model itself.

    Raises:
        UnknownModelError: no such provider, or its package is not installed.
        MissingKeyError: the provider wants an API key and none is set.
    """
    if isinstance(model, BaseChatModel):
        return model
    if not isinstance(model, str) or not model.strip():
        raise UnknownModelError(f"a model is a name such as 'openai:gpt-4.1' or a LangChain chat model, not {model!r}")
    # Imported here: a run over a ready chat model does not need it.
    from langchain.chat_models import init_chat_model

    try:
        made: BaseChatModel = init_chat_model(model, **_local_server(model))
        return made
    except ImportError as error:
        raise UnknownModelError(f"{model!r} needs a package that is not installed: {error}") from error
    except ValueError as error:
        if _speaks_of_a_key(error):
            raise MissingKeyError(_missing_key(model)) from error
        raise UnknownModelError(
            f"no such model: {model!r}; name it as 'provider:model', as in 'openai:gpt-4.1'"
        ) from error
    except Exception as error:  # every provider has exceptions of its own for a missing key
        if _speaks_of_a_key(error):
            raise MissingKeyError(_missing_key(model)) from error
        raise ModelError(f"{model!r} cannot be used: {first_line(error)}") from error


def _local_server(model: str) -> dict[str, Any]:
    """A server of one's own often wants no key, but the client insists on one."""
    openai_like = model.startswith("openai:") or ":" not in model
    if openai_like and os.environ.get("OPENAI_BASE_URL") and not os.environ.get("OPENAI_API_KEY"):
        return {"api_key": "no-key-needed"}
    return {}


def _speaks_of_a_key(error: Exception) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("api_key", "api key", "credential", "apikey"))


def _missing_key(model: str) -> str:
    provider = model.partition(":")[0] if ":" in model else "openai"
    variable = {"google_genai": "GOOGLE_API_KEY"}.get(provider, f"{provider.upper()}_API_KEY")
    return f"no API key for {model!r}: set {variable}, or pass a chat model that has one"


def model_name(model: BaseChatModel) -> str:
    """What a chat model calls itself: `gpt-4.1`; its class's name if it has no other."""
    for attribute in ("model_name", "model", "model_id"):
        name = getattr(model, attribute, None)
        if isinstance(name, str) and name:
            return name
    return type(model).__name__


def changed(model: BaseChatModel, update: Mapping[str, Any]) -> BaseChatModel:
    """A copy with other values. Pydantic copies what was computed from the old ones too; that is left out."""
    changed = model.model_copy(update=dict(update))
    for name in set(vars(changed)) - set(type(changed).model_fields):
        if isinstance(inspect.getattr_static(type(changed), name, None), cached_property):
            del vars(changed)[name]
    return changed


__all__ = ["changed", "model_name", "resolve_model"]
