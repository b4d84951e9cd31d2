"""A chat model as a run uses it: each request metered, made again where it may pass, its failures said in our words."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.runnables import RunnableBinding, RunnableConfig
from langchain_core.tools import BaseTool

from rlm_graph.errors import ConfigError, ModelError, ModelUnreachableError, RLMError
from rlm_graph.ledger import Usage
from rlm_graph.models import identity, retries
from rlm_graph.models.chat_models import changed, model_name
from rlm_graph.models.failures import first_line, model_error
from rlm_graph.models.metering import Attempt, Estimate, Gate, Meter, current_attempt, passes_gate
from rlm_graph.models.refusals import is_window_error
from rlm_graph.prices import Price, load_price_list, price_of

if TYPE_CHECKING:
    from rlm_graph.models.completions import Completions

log = logging.getLogger("rlm_graph")

_TOKEN_LIMITS = ("max_tokens", "max_output_tokens", "num_predict", "max_completion_tokens")
"""What LangChain's chat models call their limit of output tokens; the first that a model has is set."""


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
        gate = {"rate_limiter": Gate(model.rate_limiter)}
        self._has_rate_limiter = model.rate_limiter is not None
        self._asked_for = changed(model, {**kept, **retries.without_own_retries(model), **gate})
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
        self,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        *,
        meter: Meter | None = None,
        is_heard: bool = True,
    ) -> AIMessage:
        """One reply of the model.

        Args:
            messages: What it is asked.
            config: LangChain's, for callbacks and streams.
            meter: Lets each request through and counts it; None counts nothing.
            is_heard: Whether somebody listens to the call, as `listeners.is_heard` says. Where nobody does, it is made
                without LangChain if it can be (`completions`), which takes a tenth of the time.

        Raises:
            ModelError: one of its kinds says what went wrong and what to do.
        """
        await load_price_list()
        estimate = self.estimate(messages)
        left_s, retried = self._timeout_s, 0
        while True:
            attempt = Attempt(meter, estimate, left_s)
            model, wire = self._learnt.model, None if is_heard else await self._wire(messages)
            try:
                return await self._request(model, wire, messages, config, attempt)
            except RLMError:
                raise
            except Exception as error:  # each provider's client has exceptions of its own
                if error is attempt.refusal:
                    raise
                if not attempt.has_begun:  # its cache cannot be read, a callback failed
                    raise ModelError(f"{self.name} cannot be asked: {first_line(error)}") from error
                left_s -= attempt.took_s
                if attempt.has_timed_out:
                    message = f"{self.name} gave no answer within {_seconds(self._timeout_s)} (call_timeout)"
                    raise ModelUnreachableError(message) from error
                if self._learns(model, error):
                    continue
                pause_s = self._pause_s(error, retried, left_s)
            retried += 1
            left_s -= pause_s
            await asyncio.sleep(pause_s)

    async def _wire(self, messages: Sequence[BaseMessage]) -> Completions | None:
        """What sends such messages without LangChain; None where LangChain does."""
        if self._options or self._has_rate_limiter:
            return None
        if self._asked_for.cache is not False and get_llm_cache() is not None:
            return None
        wire = await self._learnt.completions()
        return wire if wire is not None and wire.can_ask(messages) else None

    async def _request(
        self,
        model: BaseChatModel,
        wire: Completions | None,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        attempt: Attempt,
    ) -> AIMessage:
        """One request, settled in any case."""
        token = current_attempt.set(attempt)
        try:
            async with attempt.timer:
                reply = None
                if wire is not None:
                    await attempt.begin()
                    reply = await wire.ask(messages)
                    if reply is None:
                        self._learnt.leave_to_langchain()
                if reply is None:
                    if not passes_gate(model):
                        await attempt.begin()
                    reply = await model.ainvoke(list(messages), config, **self._options)
            attempt.settle(self._usage(reply))
            return reply
        finally:
            current_attempt.reset(token)
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
            when = f"{due} {_seconds(asked_s or pause_s)}"
            left = f"{_seconds(max(0.0, left_s))} of {_seconds(self._timeout_s)} are left (call_timeout)"
            raise type(failure)(f"{failure}{times}; {when}, and {left}") from error
        log.info("%s; asked again in %.2f s", failure, pause_s)
        return pause_s

    def _learns(self, model: BaseChatModel, error: Exception) -> bool:
        """Whether the call is made again, because its server refused a setting that is left out now."""
        adapted = self._without_what_is_refused(model, error)
        if adapted is None:
            return False
        if self._learnt.model is model:  # else a call beside this one has learnt something meanwhile
            self._learnt.use(adapted)
        return True

    def _without_what_is_refused(self, model: BaseChatModel, error: Exception) -> BaseChatModel | None:
        """The model without the setting that its server refuses; None if that is not what went wrong."""
        # A window that is too small is told with the names of the settings that make it so.
        if retries.status_of(error) not in (400, 422) or is_window_error(error):
            return None
        text = str(error)
        if "temperature" in text and getattr(model, "temperature", None) is not None:
            return changed(model, {"temperature": None})
        limit = next((name for name in _TOKEN_LIMITS if getattr(model, name, None) is not None), None)
        refused = min((name for name in _TOKEN_LIMITS if name in text), key=text.index, default=None)
        if limit is None or refused is None:
            return None
        update: dict[str, Any] = {limit: None}
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(refused)
        if other and "extra_body" in type(model).model_fields:  # OpenAI's two names for it
            update["extra_body"] = {**(getattr(model, "extra_body", None) or {}), other: self._max_tokens}
        return changed(model, update)


class _Learnt:
    """A chat model without what its server has refused so far, and how its calls look on the wire."""

    def __init__(self, model: BaseChatModel) -> None:
        self.use(model)

    def use(self, model: BaseChatModel) -> None:
        """Another one from now on."""
        self.model = model
        # A future that is done in any event loop: those who ask meanwhile may be in others.
        self._completions: Future[Completions | None] | None = None

    def leave_to_langchain(self) -> None:
        """Calls cannot be made without it."""
        self._completions = Future()
        self._completions.set_result(None)

    async def completions(self) -> Completions | None:
        """What makes calls without LangChain; None where that cannot be done."""
        known = self._completions
        if known is None:
            known = self._completions = Future()
            try:
                known.set_result(await self._learn())
            except BaseException:
                known.set_result(None)
                self._completions = None
                raise
        elif not known.done():
            await asyncio.shield(asyncio.wrap_future(known))
        return known.result()

    async def _learn(self) -> Completions | None:
        if type(self.model).__module__.partition(".")[0] != "langchain_openai":
            return None
        # Imported here: it imports that package, which takes a second, and which others need not have.
        from rlm_graph.models import completions

        return await completions.learn(self.model)


def _seconds(seconds: float) -> str:
    """A span to read: `0.25 s`, `4.99 s`, `60 s`, `3,600 s`."""
    return f"{seconds:,.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


def _bytes_beyond_ascii(text: str) -> int:
    return 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) - len(text)


def _json_of(options: Mapping[str, Any]) -> str:
    return json.dumps(options, default=str) if options else ""


__all__ = ["Model"]
