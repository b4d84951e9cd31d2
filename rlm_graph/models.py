"""Chat models: from a name to a model, and from whatever a client raises to an error that says what to do."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from rlm_graph.errors import (
    MissingKeyError,
    ModelAuthError,
    ModelError,
    ModelRateLimitError,
    ModelResponseError,
    ModelServerError,
    ModelUnreachableError,
    RLMError,
    UnknownModelError,
)

_TOKEN_LIMITS = ("max_tokens", "max_output_tokens", "num_predict", "max_completion_tokens")
"""What LangChain's chat models call their limit of output tokens; the first that a model has is set."""


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
        raise ModelError(f"{model!r} cannot be used: {_first_line(error)}") from error


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


class Model:
    """A chat model with the settings of a run, that learns what its server refuses.

    Some models refuse a temperature, some servers know the limit of output tokens under its other name only. The
    refusal names the parameter; it is left out or renamed, and the call is made again. What was learnt is kept.
    """

    def __init__(self, model: BaseChatModel, *, temperature: float, max_tokens: int, timeout_s: float) -> None:
        self.name = model_name(model)
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        fields = type(model).model_fields
        settings: dict[str, Any] = {}
        if "temperature" in fields:
            settings["temperature"] = temperature
        limit = next((name for name in _TOKEN_LIMITS if name in fields), None)
        if limit is not None:
            settings[limit] = max_tokens
        if "stream_usage" in fields:  # ChatOpenAI switches it off for a custom base_url: tokens would count as 0
            settings["stream_usage"] = True
        # A model's own settings win: who makes one says how it is to be called.
        own = {name for name in settings if getattr(model, name) is not None and name in model.model_fields_set}
        self._model = model.model_copy(update={name: value for name, value in settings.items() if name not in own})

    async def ask(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> AIMessage:
        """One reply of the model.

        Raises:
            ModelError: one of its kinds says what went wrong and what to do.
        """
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._model.ainvoke(list(messages), config)
            except RLMError:
                raise
            except TimeoutError as error:
                message = f"{self.name} gave no answer within {self._timeout_s:g} s (call_timeout)"
                raise ModelUnreachableError(message) from error
            except Exception as error:  # each provider's client has exceptions of its own
                adapted = self._without_what_is_refused(error)
                if adapted is None:
                    raise model_error(error, self.name) from error
                self._model = adapted

    def _without_what_is_refused(self, error: Exception) -> BaseChatModel | None:
        """The model without the setting that its server refuses; None if that is not what went wrong."""
        if _status(error) not in (400, 422):
            return None
        text = str(error)
        if "temperature" in text and getattr(self._model, "temperature", None) is not None:
            return self._model.model_copy(update={"temperature": None})
        limit = next((name for name in _TOKEN_LIMITS if getattr(self._model, name, None) is not None), None)
        refused = min((name for name in _TOKEN_LIMITS if name in text), key=text.index, default=None)
        if limit is None or refused is None:
            return None
        update: dict[str, Any] = {limit: None}
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(refused)
        if other and "extra_body" in type(self._model).model_fields:  # OpenAI's two names for it
            update["extra_body"] = {**(getattr(self._model, "extra_body", None) or {}), other: self._max_tokens}
        return self._model.model_copy(update=update)


def _status(error: BaseException) -> int | None:
    """The HTTP status that a client's exception carries."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def model_error(error: Exception, name: str) -> ModelError:
    """The error of ours for whatever a provider's client raised."""
    status, reason = _status(error), _first_line(error)
    if status in (401, 403):
        return ModelAuthError(f"the server of {name} refuses the API key (HTTP {status}): {reason}")
    if status == 404:
        return UnknownModelError(f"the server knows no model {name!r} (HTTP 404): {reason}")
    if status == 429:
        return ModelRateLimitError(
            f"the server of {name} says: too many requests, or no quota left (HTTP 429): {reason}"
        )
    if status is not None and status >= 400:
        return ModelServerError(f"the server of {name} failed (HTTP {status}): {reason}")
    kinds = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    if any("Timeout" in kind for kind in kinds):
        return ModelUnreachableError(f"{name} gave no answer in time: {reason}")
    if kinds & {"APIConnectionError", "ConnectError", "ConnectionError", "TransportError", "NetworkError"}:
        return ModelUnreachableError(f"no connection to the server of {name}: {reason}")
    if isinstance(error, ValueError | TypeError | AttributeError | LookupError | json.JSONDecodeError):
        return ModelResponseError(f"the server of {name} answered with something that is no chat completion: {reason}")
    return ModelError(f"{name} failed: {type(error).__name__}: {reason}")


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _first_line(error: BaseException) -> str:
    """One line for a person, not a page of HTML."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
