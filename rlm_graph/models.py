"""Chat models: from a name to a model, and from whatever a client raises to an error that says what to do."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableBinding, RunnableConfig
from langchain_core.tools import BaseTool

from rlm_graph import identity, retries
from rlm_graph.errors import (
    ConfigError,
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
from rlm_graph.ledger import Usage
from rlm_graph.prices import Price, load_price_list, price_of
from rlm_graph.refusals import is_window_error

log = logging.getLogger("rlm_graph")

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


@dataclass(frozen=True)
class Estimate:
    """What one request may come to, before it is made: so many tokens and so much money can be held back for it."""

    input_tokens: int
    """About as many as the messages and tools have: a quarter of their bytes."""

    output_tokens: int
    """As many as the model may write."""

    cost_usd: float | None
    """The price of both; None where the price of the model is not known."""


class Reservation(Protocol):
    """What is held for one request."""

    def settle(self, usage: Usage | None) -> None:
        """The request has ended. Called once, also when the call was cancelled, so it does not wait for anything.

        Args:
            usage: What it took; None if it failed, and nobody knows what it took.
        """


class Meter(Protocol):
    """Lets requests to models through, and counts them."""

    async def reserve(self, estimate: Estimate) -> Reservation:
        """Called before each request; may wait (for a free slot, for money), or raise whatever ends the call."""


class Model:
    """A chat model with the settings of a run: each of its requests is metered, and those that fail are made again.

    Some models refuse a temperature, some servers know the limit of output tokens under its other name only. The
    refusal names the parameter; it is left out or renamed, and the call is made again. What was learnt is kept.

    A reply from LangChain's cache (`cache=` of the chat model, or the global one) is no request: it goes to no meter.
    A `rate_limiter` of the chat model is waited for before the meter is asked, so who waits for it holds nothing.

    Args:
        model: The chat model. What its maker has set wins over the settings here.
        temperature: Sampling temperature.
        max_tokens: Output tokens of one reply.
        timeout_s: Seconds that a call may take: its requests and the pauses between them, but not what it waits for
            the meter and the rate limiter.
        max_retries: How often a request is made again that failed with an error that may pass.
        prices: The caller's own prices, by model.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        temperature: float,
        max_tokens: int,
        timeout_s: float,
        max_retries: int = 2,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.name = model_name(model)
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        own_retries = retries.own_retries(model)
        self._max_retries = max_retries if own_retries is None else own_retries
        self._prices = prices
        self._options: dict[str, Any] = {}
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
        kept = {name: value for name, value in settings.items() if name not in own}
        gate = {"rate_limiter": _Gate(model.rate_limiter)}
        self._asked_for = _changed(model, {**kept, **retries.without_own_retries(model), **gate})
        self._learnt = _Learnt(self._asked_for)
        if limit in own:
            self._max_tokens = getattr(model, limit)

    @property
    def temperature(self) -> float | None:
        """The sampling temperature that is asked for; None where the model has none, or refuses it."""
        value = getattr(self._learnt.model, "temperature", None)
        return value if isinstance(value, int | float) else None

    @cached_property
    def window_tokens(self) -> int | None:
        """Tokens that the model can read, as its LangChain profile says; None where that is not known."""
        tokens = (getattr(self._learnt.model, "profile", None) or {}).get("max_input_tokens")
        return tokens if isinstance(tokens, int) and tokens > 0 else None

    def with_tools(self, tools: Sequence[BaseTool]) -> Model:
        """The model with tools that it may ask for.

        Raises:
            ConfigError: it can be given none.
        """
        try:
            bound = self._asked_for.bind_tools(tools)
        except NotImplementedError as error:
            raise ConfigError(
                f"{self.name} ({type(self._asked_for).__name__}) can be given no tools: use another sub-model, or none"
            ) from error
        if not isinstance(bound, RunnableBinding) or not isinstance(bound.bound, BaseChatModel):
            raise ConfigError(f"{self.name}: bind_tools gives {type(bound).__name__}, which is no bound chat model")
        return self._with(bound.bound, bound.kwargs)

    def _with(self, model: BaseChatModel, options: Mapping[str, Any]) -> Model:
        changed = copy.copy(self)
        vars(changed).pop("_identity", None)
        if model is not self._asked_for:  # else what one of them learns, both know
            changed._asked_for = model  # noqa: SLF001 - our own class
            changed._learnt = _Learnt(model)  # noqa: SLF001
        changed._options = dict(options)  # noqa: SLF001
        return changed

    def digest(self, messages: Sequence[BaseMessage]) -> str:
        """SHA-256, in hex, of the model, what changes its answers, and the messages. See `identity`."""
        return identity.digest(self._identity, messages)

    @cached_property
    def _identity(self) -> str:
        return identity.model_identity(self._asked_for, self.name, self._options)

    def estimate(self, messages: Sequence[BaseMessage]) -> Estimate:
        """What one request with these messages may come to."""
        # LangChain counts 4 characters as a token; where one takes several bytes it is often a token of its own.
        more = sum(_bytes_beyond_ascii(str(message.text)) for message in messages) + len(_json_of(self._options))
        input_tokens = count_tokens_approximately(messages) + math.ceil(more / 4)
        price = price_of(self.name, self._prices)
        cost_usd = None if price is None else price.of(input_tokens, self._max_tokens)
        return Estimate(input_tokens, self._max_tokens, cost_usd)

    async def ask(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, *, meter: Meter | None = None
    ) -> AIMessage:
        """One reply of the model.

        Args:
            messages: What it is asked.
            config: LangChain's, for callbacks and streams.
            meter: Lets each request through and counts it; None counts nothing.

        Raises:
            ModelError: one of its kinds says what went wrong and what to do.
        """
        await load_price_list()
        estimate = self.estimate(messages)
        left_s, retried = self._timeout_s, 0
        while True:
            attempt = _Attempt(meter, estimate, left_s)
            model = self._learnt.model
            try:
                return await self._request(model, messages, config, attempt)
            except RLMError:
                raise
            except Exception as error:  # each provider's client has exceptions of its own
                if error is attempt.refusal:
                    raise
                if not attempt.has_begun:  # its cache cannot be read, a callback failed
                    raise ModelError(f"{self.name} cannot be asked: {_first_line(error)}") from error
                left_s -= attempt.took_s
                if attempt.has_timed_out:
                    message = f"{self.name} gave no answer within {self._timeout_s:g} s (call_timeout)"
                    raise ModelUnreachableError(message) from error
                if self._learns(model, error):
                    continue
                pause_s = self._pause_s(error, retried, left_s)
            retried += 1
            left_s -= pause_s
            await asyncio.sleep(pause_s)

    async def _request(
        self, model: BaseChatModel, messages: Sequence[BaseMessage], config: RunnableConfig, attempt: _Attempt
    ) -> AIMessage:
        """One request, settled in any case."""
        token = _attempt.set(attempt)
        try:
            async with attempt.timer:
                if not _passes_gate(model):
                    await attempt.begin()
                reply = await model.ainvoke(list(messages), config, **self._options)
            attempt.settle(self._usage(reply))
            return reply
        finally:
            _attempt.reset(token)
            attempt.settle(None)

    def _usage(self, reply: AIMessage) -> Usage:
        """Tokens that a reply reports, and their price."""
        tokens: Mapping[str, Any] | None = reply.usage_metadata
        if tokens is None:
            return Usage(cost_usd=None)
        if tokens.get("total_cost") == 0:  # LangChain's mark on what its cache has given
            return Usage()
        counted = (int(tokens["input_tokens"]), int(tokens["output_tokens"]))
        if not any(counted):
            return Usage()
        details = tokens.get("input_token_details") or {}
        # Anthropic's client counts what goes into the cache for an hour under another name than for five minutes.
        writes = [count for name, count in details.items() if name == "cache_creation" or name.startswith("ephemeral_")]
        cached = {"cache_read_tokens": details.get("cache_read") or 0, "cache_write_tokens": sum(filter(None, writes))}
        answered = str(reply.response_metadata.get("model_name") or self.name)  # `gpt-4.1-2025-04-14` for `gpt-4.1`
        names = (self.name, answered) if self.name in (self._prices or {}) else (answered, self.name)
        price = price_of(names[0], self._prices) or price_of(names[1], self._prices)
        return Usage(*counted, None if price is None else price.of(*counted, **cached))

    def _pause_s(self, error: Exception, retried: int, left_s: float) -> float:
        """Seconds until the request is made again.

        Raises:
            ModelError: it is not made again.
        """
        failure = model_error(error, self.name)
        times = f"; asked {retried + 1} times" if retried else ""
        unreachable = isinstance(failure, ModelUnreachableError)
        if retried >= self._max_retries or not (unreachable or retries.may_pass(error)):
            raise type(failure)(f"{failure}{times}") from error
        asked_s, pause_s = retries.retry_after_s(error), retries.pause_s(error, retried)
        if pause_s >= left_s:
            due = "the next attempt is due in" if asked_s is None else "it asks to wait"
            when = f"{due} {asked_s or pause_s:.3g} s"
            left = f"{max(0.0, left_s):.3g} s of {self._timeout_s:g} s are left (call_timeout)"
            raise type(failure)(f"{failure}{times}; {when}, and {left}") from error
        log.info("%s; asked again in %.2f s", failure, pause_s)
        return pause_s

    def _learns(self, model: BaseChatModel, error: Exception) -> bool:
        """Whether the call is made again, because its server refused a setting that is left out now."""
        adapted = self._without_what_is_refused(model, error)
        if adapted is None:
            return False
        if self._learnt.model is model:  # else a call beside this one has learnt something meanwhile
            self._learnt.model = adapted
        return True

    def _without_what_is_refused(self, model: BaseChatModel, error: Exception) -> BaseChatModel | None:
        """The model without the setting that its server refuses; None if that is not what went wrong."""
        # A window that is too small is told with the names of the settings that make it so.
        if retries.status_of(error) not in (400, 422) or is_window_error(error):
            return None
        text = str(error)
        if "temperature" in text and getattr(model, "temperature", None) is not None:
            return _changed(model, {"temperature": None})
        limit = next((name for name in _TOKEN_LIMITS if getattr(model, name, None) is not None), None)
        refused = min((name for name in _TOKEN_LIMITS if name in text), key=text.index, default=None)
        if limit is None or refused is None:
            return None
        update: dict[str, Any] = {limit: None}
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(refused)
        if other and "extra_body" in type(model).model_fields:  # OpenAI's two names for it
            update["extra_body"] = {**(getattr(model, "extra_body", None) or {}), other: self._max_tokens}
        return _changed(model, update)


@dataclass
class _Learnt:
    """A chat model without what its server has refused so far."""

    model: BaseChatModel


class _Attempt:
    """One request of a call: what is held for it, and its clock, which runs from when it may be sent."""

    def __init__(self, meter: Meter | None, estimate: Estimate, left_s: float) -> None:
        self._meter = meter
        self._estimate = estimate
        self._left_s = left_s
        self._reservation: Reservation | None = None
        self._begun_at: float | None = None
        self.timer = asyncio.timeout(None)
        self.refusal: Exception | None = None
        """What the meter raised."""

    async def begin(self) -> None:
        """Wait for the meter, and start the clock."""
        if self._meter is not None:
            try:
                self._reservation = await self._meter.reserve(self._estimate)
            except Exception as refusal:  # whatever it is: it goes to who gave the meter
                self.refusal = refusal
                raise
        self._begun_at = asyncio.get_running_loop().time()
        self.timer.reschedule(self._begun_at + self._left_s)

    def settle(self, usage: Usage | None) -> None:
        """Tell the meter, once."""
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            reservation.settle(usage)

    @property
    def has_begun(self) -> bool:
        """Whether it could be sent."""
        return self._begun_at is not None

    @property
    def took_s(self) -> float:
        """Seconds since then."""
        return 0.0 if self._begun_at is None else asyncio.get_running_loop().time() - self._begun_at

    @property
    def has_timed_out(self) -> bool:
        """Whether its clock ended it."""
        return self.timer.expired()


_attempt: ContextVar[_Attempt] = ContextVar("rlm_graph_attempt")


class _Gate:
    """Stands where a chat model has its rate limiter.

    LangChain asks a rate limiter after it has looked into its cache, right before the request. That is when the meter
    is to be asked: what the cache has costs nothing, and who waits for a rate limiter holds nothing.
    """

    def __init__(self, rate_limiter: BaseRateLimiter | None) -> None:
        self._rate_limiter = rate_limiter

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Wait for the chat model's own rate limiter, then for the meter."""
        if self._rate_limiter is not None:
            await self._rate_limiter.aacquire(blocking=blocking)
        await _attempt.get().begin()
        return True


_WAY_TO_GATE = ("ainvoke", "agenerate_prompt", "agenerate", "_agenerate_with_cache")
"""Methods of a chat model that lead to its rate limiter."""


def _passes_gate(model: BaseChatModel) -> bool:
    """Whether LangChain's own methods carry out a call; those of another class may not ask the rate limiter."""
    return all(getattr(type(model), name) is getattr(BaseChatModel, name) for name in _WAY_TO_GATE)


def _changed(model: BaseChatModel, update: Mapping[str, Any]) -> BaseChatModel:
    """A copy with other values. Pydantic copies what was computed from the old ones too; that is left out."""
    changed = model.model_copy(update=dict(update))
    for name in set(vars(changed)) - set(type(changed).model_fields):
        if isinstance(inspect.getattr_static(type(changed), name, None), cached_property):
            del vars(changed)[name]
    return changed


def _bytes_beyond_ascii(text: str) -> int:
    return 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) - len(text)


def _json_of(options: Mapping[str, Any]) -> str:
    return json.dumps(options, default=str) if options else ""


def model_error(error: Exception, name: str) -> ModelError:
    """The error of ours for whatever a provider's client raised."""
    status, reason = retries.status_of(error), _first_line(error)
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
