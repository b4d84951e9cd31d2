"""One call of a model: its requests, what is held and counted for them, when they are made again, and what it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import cached_property
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from openai import AsyncOpenAI, OpenAI

from rlm_graph.errors import (
    ConfigError,
    ModelAuthError,
    ModelError,
    ModelRateLimitError,
    ModelResponseError,
    ModelServerError,
    ModelUnreachableError,
    UnknownModelError,
)
from rlm_graph.ledger import Usage
from rlm_graph.models.client_model import ClientModel
from rlm_graph.models.metering import Estimate
from rlm_graph.models.model import Model
from rlm_graph.models.retries import LONGEST_PAUSE_S, pause_s
from rlm_graph.prices import Price
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall, failures
from rlm_graph.testing import Usage as Tokens

Serve = Callable[..., ScriptedServer]

QUESTION = [HumanMessage("a question")]
AT_ONCE = {"Retry-After": "0"}


class Meter:
    """Notes what it is told, and lets a number of requests through at once."""

    def __init__(self, slots: int = 1000, refusal: Exception | None = None) -> None:
        self.slots = asyncio.Semaphore(slots)
        self.refusal = refusal
        self.estimates: list[Estimate] = []
        self.settled: list[Usage | None] = []
        self.held = self.most_held = 0

    async def reserve(self, estimate: Estimate) -> Meter:
        """A slot, as soon as one is free."""
        self.estimates.append(estimate)
        if self.refusal is not None:
            raise self.refusal
        await self.slots.acquire()
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        return self

    def settle(self, usage: Usage | None) -> None:
        """The slot is free again."""
        self.held -= 1
        self.settled.append(usage)
        self.slots.release()


def a_model(server: ScriptedServer, name: str = "root", **settings: Any) -> Model:
    """A model over the server, whose chat model says nothing about retries."""
    mine = {"timeout_s": 5.0, "max_retries": 2, "temperature": 0.5, "max_tokens": 100, "prices": None}
    own = {name: settings.pop(name) for name in list(settings) if name in mine}
    return Model(server.chat_model(name, **{"max_retries": None, **settings}), **{**mine, **own})


async def ask(model: Model, meter: Meter | None = None, text: str = "a question") -> str:
    """The text of a reply."""
    return str((await model.ask([HumanMessage(text)], {}, meter=meter)).text)


# Retries. -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_what_may_pass_is_asked_again(serve: Serve, status: int) -> None:
    """Each request is held for and settled by itself: the client makes no other ones."""
    failing = Reply(status=status, headers=AT_ONCE)
    server, meter = serve([failing, failing, "answer"]), Meter()
    assert await ask(a_model(server), meter) == "answer"
    assert server.count() == 3
    assert len(meter.estimates) == 3
    assert meter.settled[:2] == [None, None]
    assert meter.settled[2] is not None
    assert meter.settled[2].output_tokens == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=400), ModelServerError),
        (failures.unauthorized("sk-old"), ModelAuthError),
        (Reply(status=403), ModelAuthError),
        (failures.model_not_found("root"), UnknownModelError),
        (Reply(status=422), ModelServerError),
        (failures.quota_used_up(), ModelRateLimitError),
        (Reply(status=500, headers={"x-should-retry": "false"}), ModelServerError),
        (failures.html_page(), ModelResponseError),
        (failures.invalid_json(), ModelResponseError),
        (failures.no_completion(), ModelResponseError),
    ],
)
async def test_what_does_not_pass_is_asked_once(serve: Serve, reply: Reply, error: type[ModelError]) -> None:
    """A bad request, a bad key, no money, garbage; the reservation is settled."""
    server, meter = serve([reply, "answer"]), Meter()
    with pytest.raises(error):
        await ask(a_model(server), meter)
    assert server.count() == 1
    assert meter.settled == [None]


async def test_the_last_failure_is_raised_when_retries_are_used_up(serve: Serve) -> None:
    """Its message says how often the model was asked."""
    server = serve(Reply(status=503, headers=AT_ONCE))
    with pytest.raises(ModelServerError, match=r"HTTP 503.*; asked 4 times$"):
        await ask(a_model(server, max_retries=3))
    assert server.count() == 4


async def test_a_closed_connection_is_asked_again(serve: Serve) -> None:
    """The server hangs up on the first request."""
    server = serve([failures.closed(), "answer"])
    assert await ask(a_model(server)) == "answer"
    assert server.count() == 2


async def test_a_server_that_is_not_there_is_an_error_after_the_retries(serve: Serve) -> None:
    """Two attempts, each of them held for."""
    server, meter = serve("answer"), Meter()
    model = a_model(server, max_retries=1)
    server.close()
    with pytest.raises(ModelUnreachableError, match=r"no connection .*; asked 2 times$"):
        await ask(model, meter)
    assert meter.settled == [None, None]


async def test_a_request_that_runs_into_the_clients_own_timeout_is_asked_again(serve: Serve) -> None:
    """`ChatOpenAI(timeout=...)` is for one request, `call_timeout` for all of a call's."""
    server = serve([Reply(hang=True), "answer"])
    assert await ask(a_model(server, timeout=0.3)) == "answer"


async def test_a_chat_models_own_number_of_retries_wins(serve: Serve) -> None:
    """Who makes a chat model says how it is to be called: `max_retries=0` is none, 3 is three."""
    failing = Reply(status=500, headers=AT_ONCE)
    none = serve(failing)
    with pytest.raises(ModelServerError):
        await ask(Model(none.chat_model(max_retries=0), temperature=0, max_tokens=10, timeout_s=5, max_retries=2))
    assert none.count() == 1
    three = serve([failing, failing, failing, "answer"])
    model = Model(three.chat_model(max_retries=3), temperature=0, max_tokens=10, timeout_s=5, max_retries=0)
    assert await ask(model) == "answer"


@pytest.mark.parametrize("make", [OpenAI, AsyncOpenAI])
async def test_a_client_of_the_callers_is_not_left_to_retry_by_itself(serve: Serve, make: Any) -> None:
    """Its number of retries is kept, and each request is held for; the caller's client stays as it was."""
    server, meter = serve([Reply(status=500, headers=AT_ONCE), "answer"]), Meter()
    client = make(api_key="x", base_url=server.base_url, max_retries=1, default_headers={"Connection": "close"})
    model = Model(
        ClientModel(client=client, model_name="root"), temperature=0, max_tokens=10, timeout_s=5, max_retries=0
    )
    assert await ask(model, meter) == "answer"
    assert len(meter.settled) == 2
    assert client.max_retries == 1
    await client.close() if make is AsyncOpenAI else client.close()


async def test_a_client_whose_create_is_wrapped_keeps_its_wrapper(serve: Serve) -> None:
    """As wrappers for tracing do: a copy without retries would lose them."""
    server, meter, seen = serve([Reply(status=500, headers=AT_ONCE), "answer"]), Meter(), []
    async with AsyncOpenAI(
        api_key="x", base_url=server.base_url, max_retries=1, default_headers={"Connection": "close"}
    ) as client:
        create = client.chat.completions.create

        async def traced(**request: Any) -> Any:
            seen.append(request["model"])
            return await create(**request)

        client.chat.completions.create = traced  # type: ignore[method-assign]
        model = Model(ClientModel(client=client, model_name="root"), temperature=0, max_tokens=10, timeout_s=5)
        assert await ask(model, meter) == "answer"
    assert seen == ["root"]
    assert len(meter.settled) == 1


class LazyClient(BaseChatModel):
    """As Anthropic's: its client is made from its fields at the first call, and kept."""

    max_retries: int = 2
    temperature: float = 1.0

    @cached_property
    def _client(self) -> tuple[int, float]:
        return self.max_retries, self.temperature

    @property
    def _llm_type(self) -> str:
        return "lazy"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"{self._client}"))])


class CountsAttempts(LazyClient):
    """As Google's, for which 1 is one request, and 0 the default of many."""

    __module__ = "langchain_google_genai.chat_models"


async def test_a_client_that_is_made_late_is_made_without_retries() -> None:
    """Also where the caller has used the chat model before, so that it holds one with retries."""
    used = LazyClient()
    assert (await used.ainvoke("hi")).text == "(2, 1.0)"
    assert await ask(Model(used, temperature=0.5, max_tokens=10, timeout_s=5)) == "(0, 0.5)"
    assert (await used.ainvoke("hi")).text == "(2, 1.0)"


async def test_googles_clients_are_told_1_for_one_request() -> None:
    """0 is the default there: five retries."""
    assert await ask(Model(CountsAttempts(), temperature=0.5, max_tokens=10, timeout_s=5)) == "(1, 0.5)"


# When. --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "at_least_s"),
    [
        ({"Retry-After": "0.3"}, 0.3),
        ({"Retry-After-Ms": "300", "Retry-After": "60"}, 0.3),
        ({"Retry-After": "date"}, 0.9),  # a date has whole seconds
        ({"Retry-After": "soon"}, 0.25),
        ({"Retry-After": "nan"}, 0.25),
        ({"Retry-After": "1e999"}, 0.25),
        ({}, 0.25),
    ],
)
async def test_the_server_says_when(serve: Serve, headers: dict[str, str], at_least_s: float) -> None:
    """In seconds, milliseconds or as a date; else a pause of ours, of a quarter of a second or more."""

    def refuse(request: Request) -> Reply:
        in_two_seconds = {"Retry-After": formatdate(time.time() + 2, usegmt=True)}
        return Reply(status=429, headers=in_two_seconds if "date" in headers.values() else headers)

    server = serve([refuse, "answer"])
    assert await ask(a_model(server)) == "answer"
    first, second = (request.received_at for request in server.requests)
    assert at_least_s <= second - first < at_least_s + 3


@pytest.mark.parametrize(("asked_s", "told"), [(60, "60 s"), (86_400, "86,400 s")])
async def test_a_wait_that_is_longer_than_what_is_left_fails_at_once(serve: Serve, asked_s: float, told: str) -> None:
    """The message says what the server asks for, and what is left."""
    server, started_at = serve(failures.rate_limited(retry_after_s=asked_s)), time.monotonic()
    with pytest.raises(
        ModelRateLimitError, match=rf"asks to wait {told}, and (5|4\.\d+) s of 5 s are left \(call_timeout"
    ):
        await ask(a_model(server))
    assert time.monotonic() - started_at < 2
    assert server.count() == 1


def test_pauses_grow_and_have_a_limit() -> None:
    """Twice as long each time, with chance in it."""
    pauses = [[pause_s(ValueError(), retries) for _ in range(50)] for retries in (0, 1, 2, 50)]
    for growing, shortest_s in zip(pauses, (0.25, 0.5, 1.0, LONGEST_PAUSE_S / 2), strict=True):
        assert shortest_s <= min(growing) < max(growing) <= 2 * shortest_s


async def test_who_pauses_holds_nothing(serve: Serve) -> None:
    """One slot: while the first call waits to be made again, the second is answered."""
    server = serve(lambda request: failures.rate_limited(retry_after_s=1.0) if request.index == 0 else request.text)
    model, meter, ended = a_model(server), Meter(slots=1), []

    async def call(text: str) -> None:
        ended.append(await ask(model, meter, text))

    async with asyncio.TaskGroup() as group:
        group.create_task(call("first"))
        while not server.requests:
            await asyncio.sleep(0.01)
        group.create_task(call("second"))
    assert ended == ["second", "first"]


async def test_a_call_ends_at_its_timeout(serve: Serve) -> None:
    """A server that hangs: no retry, because no time is left; what was held is given back."""
    server, meter = serve(Reply(hang=True)), Meter()
    with pytest.raises(ModelUnreachableError, match=r"no answer within 0\.3 s \(call_timeout\)"):
        await ask(a_model(server, timeout_s=0.3), meter)
    assert server.count() == 1
    assert meter.settled == [None]


async def test_the_timeout_is_for_all_attempts_together(serve: Serve) -> None:
    """Two failures take most of it, so the third attempt has less."""
    server = serve([Reply(status=500, headers=AT_ONCE, delay_s=0.3), Reply(hang=True)])
    started_at = time.monotonic()
    with pytest.raises(ModelUnreachableError, match="call_timeout"):
        await ask(a_model(server, timeout_s=0.6))
    assert 0.55 < time.monotonic() - started_at < 1.2


async def test_waiting_for_a_slot_takes_none_of_the_calls_time(serve: Serve) -> None:
    """Six calls of 0.2 s through one slot, each of which may take 0.6 s."""
    server, meter = serve("answer", latency_s=0.2), Meter(slots=1)
    model = a_model(server, timeout_s=0.6)
    assert await asyncio.gather(*(ask(model, meter) for _ in range(6))) == ["answer"] * 6
    assert server.in_flight_max == 1


# Meter. -------------------------------------------------------------------------------------------------------------


async def test_what_the_meter_raises_ends_the_call_as_it_is(serve: Serve) -> None:
    """Of whatever type; nothing is asked and nothing settled."""
    server, meter = serve("answer"), Meter(refusal=TimeoutError("no money left"))
    with pytest.raises(TimeoutError, match="no money left"):
        await ask(a_model(server), meter)
    assert server.count() == 0
    assert meter.settled == []


async def test_a_cancelled_call_gives_back_what_was_held(serve: Serve) -> None:
    """In the middle of its request."""
    server, meter = serve(Reply(hang=True)), Meter()
    call = asyncio.create_task(ask(a_model(server), meter))
    while not server.in_flight:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert meter.settled == [None]


async def test_a_call_that_is_cancelled_while_it_waits_for_the_meter_settles_nothing(serve: Serve) -> None:
    """It held nothing."""
    server, meter = serve("answer"), Meter(slots=0)
    call = asyncio.create_task(ask(a_model(server), meter))
    while not meter.estimates:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (meter.settled, server.count()) == ([], 0)


async def test_an_estimate_covers_input_and_output(serve: Serve) -> None:
    """A quarter of the bytes, the limit of output tokens, and the price of both."""
    model = a_model(serve("x"), "gpt-4.1")
    estimate = model.estimate([HumanMessage("x" * 4000)])
    assert 1000 <= estimate.input_tokens <= 1010
    assert estimate.output_tokens == 100
    assert estimate.cost_usd == pytest.approx((estimate.input_tokens * 2 + 100 * 8) / 1e6)
    # A character of three bytes is not a quarter of a token.
    assert 750 <= model.estimate([HumanMessage("漢" * 1000)]).input_tokens <= 760


async def test_a_chat_models_own_limit_of_output_is_what_is_reserved(serve: Serve) -> None:
    """It wins over the run's."""
    assert a_model(serve("x"), max_completion_tokens=7).estimate(QUESTION).output_tokens == 7


async def test_usage_has_its_price(serve: Serve) -> None:
    """By the price list, by the caller's own price, and None where there is none."""
    reply = Reply(text="answer", usage=Tokens(1_000_000, 1_000_000))
    server, meter = serve(reply), Meter()
    own = {"mine": Price(1, 2)}
    for name in ("gpt-4.1", "mine", "unknown"):
        await ask(a_model(server, name, prices=own), meter)
    assert [used and used.cost_usd for used in meter.settled] == [10.0, 3.0, None]
    assert [estimate.cost_usd is None for estimate in meter.estimates] == [False, False, True]


async def test_usage_that_is_not_reported_has_no_price() -> None:
    """Nobody knows what it took, so the sum is not known either."""
    meter = Meter()
    await ask(Model(LazyClient(), temperature=0.5, max_tokens=10, timeout_s=5), meter)
    assert meter.settled == [Usage(0, 0, None)]


# What a server refuses. ---------------------------------------------------------------------------------------------


async def test_calls_side_by_side_learn_together_what_is_refused(serve: Serve) -> None:
    """Ten at once meet a server that takes no temperature: all are answered, each request is counted."""
    server, meter = serve("answer", refuses={"temperature", "max_completion_tokens"}, latency_s=0.05), Meter()
    model = a_model(server)
    assert await asyncio.gather(*(ask(model, meter) for _ in range(10))) == ["answer"] * 10
    assert server.count() == len(meter.settled) <= 30
    assert sum(used is not None for used in meter.settled) == 10
    assert model.temperature is None
    before = server.count()
    await ask(model)
    assert server.count() == before + 1


# LangChain's conventions. -------------------------------------------------------------------------------------------


@pytest.fixture
def global_cache() -> Iterator[None]:
    """LangChain's cache for every chat model of the process."""
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


async def test_a_reply_from_the_chat_models_cache_is_no_request(serve: Serve) -> None:
    """It waits for no rate limiter, no slot and no money."""
    server, meter = serve("answer"), Meter()
    limiter = InMemoryRateLimiter(requests_per_second=0.01, max_bucket_size=1, check_every_n_seconds=0.01)
    limiter.available_tokens = 1.0
    model = a_model(server, cache=InMemoryCache(), rate_limiter=limiter)
    assert [await ask(model, meter), await ask(model, meter)] == ["answer", "answer"]
    assert server.count() == 1
    assert len(meter.estimates) == len(meter.settled) == 1


@pytest.mark.usefixtures("global_cache")
async def test_a_reply_from_the_global_cache_is_no_request(serve: Serve) -> None:
    """`set_llm_cache`; a chat model with `cache=False` stays out of it."""
    server, meter = serve("answer"), Meter()
    for model, requests in ((a_model(server), 1), (a_model(server, cache=False), 3)):
        await ask(model, meter)
        await ask(model, meter)
        assert server.count() == len(meter.settled) == requests


async def test_what_fails_before_the_request_is_not_the_servers_fault(serve: Serve) -> None:
    """A chat model that is to use a cache where there is none."""
    server, meter = serve("answer"), Meter()
    with pytest.raises(ModelError, match="root cannot be asked: Asked to cache, but no cache found"):
        await ask(a_model(server, cache=True), meter)
    assert (server.count(), meter.estimates) == (0, [])


async def test_the_cache_keeps_temperatures_apart(serve: Serve) -> None:
    """LangChain keeps what it reads from a chat model; a copy with other settings must not show the old ones."""
    server = serve([f"answer {n}" for n in range(3)])
    chat_model = server.chat_model(cache=InMemoryCache(), max_retries=None)
    await chat_model.ainvoke("a question")
    for at, temperature in enumerate((0.1, 0.9), 1):
        assert await ask(Model(chat_model, temperature=temperature, max_tokens=9, timeout_s=5)) == f"answer {at}"


class OwnWay(ChatOpenAI):
    """A chat model that carries out calls in a way of its own, past LangChain's cache and rate limiter."""

    async def agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        """Without the detour through `_agenerate_with_cache`."""
        kwargs = {name: value for name, value in kwargs.items() if name == "stop"}
        result = await self._agenerate(messages[0], **kwargs)
        return LLMResult(generations=[list(result.generations)])


async def test_a_chat_model_with_a_way_of_its_own_is_metered(serve: Serve) -> None:
    """It asks no rate limiter, so the meter is asked before it is called."""
    server, meter = serve([Reply(status=500, headers=AT_ONCE), "answer"]), Meter()
    chat_model = OwnWay(model="root", base_url=server.base_url, api_key="x", default_headers={"Connection": "close"})  # type: ignore[call-arg]
    assert await ask(Model(chat_model, temperature=0, max_tokens=10, timeout_s=5), meter) == "answer"
    assert [used is None for used in meter.settled] == [True, False]


async def test_many_calls_wait_for_a_rate_limiter_and_hold_nothing(serve: Serve) -> None:
    """Ten at once at 10 a second; who waits has no slot, and its time does not run."""
    server, meter = serve("answer"), Meter()
    limiter = InMemoryRateLimiter(requests_per_second=10, check_every_n_seconds=0.005, max_bucket_size=1)
    model, started_at = a_model(server, rate_limiter=limiter, timeout_s=0.6), time.monotonic()
    assert await asyncio.gather(*(ask(model, meter) for _ in range(10))) == ["answer"] * 10
    assert time.monotonic() - started_at > 9 / 10
    assert meter.most_held < 5


async def test_the_tokens_of_a_stream_arrive_one_by_one(serve: Serve) -> None:
    """In LangGraph's `messages` stream, as with the chat model itself; the call is metered as any."""
    server, meter = serve(Reply(chunks=["one ", "two ", "three"])), Meter()
    pieces = [chunk.text for chunk, _ in await streamed(a_model(server), meter)]
    assert [piece for piece in pieces if piece] == ["one ", "two ", "three"]
    assert [used is None for used in meter.settled] == [False]
    assert meter.settled[0] is not None
    assert meter.settled[0].output_tokens == 4


async def test_a_stream_that_breaks_off_begins_again_as_another_message(serve: Serve) -> None:
    """Who shows the stream can tell the two apart by their ids; the reply is the second, whole."""
    server, meter = serve([Reply(chunks=["one "], close_connection=True), Reply(chunks=["one ", "two"])]), Meter()
    chunks = await streamed(a_model(server), meter)
    by_id: dict[str | None, str] = {}
    for chunk, _ in chunks:
        by_id[chunk.id] = by_id.get(chunk.id, "") + chunk.text
    assert list(by_id.values()) == ["one ", "one two"]
    assert [used is None for used in meter.settled] == [True, False]


async def streamed(model: Model, meter: Meter) -> list[tuple[AIMessageChunk, Any]]:
    """What a graph with one node streams that asks the model."""

    async def node(state: MessagesState, config: RunnableConfig) -> Any:
        return {"messages": [await model.ask(state["messages"], config, meter=meter)]}

    graph = StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").add_edge("node", END).compile()
    question = MessagesState(messages=list(QUESTION))
    return [part async for part in graph.astream(question, stream_mode="messages")]  # type: ignore[misc]


# What a question is. ------------------------------------------------------------------------------------------------


def offline(**settings: Any) -> ChatOpenAI:
    """A chat model that is not called."""
    return ChatOpenAI(**{"model": "gpt-4.1", "api_key": "sk-one", "base_url": "http://127.0.0.1:9/v1", **settings})


def digest(chat_model: BaseChatModel | None = None, messages: list[BaseMessage] | None = None, **own: Any) -> str:
    """The digest of a question to a model."""
    settings = {"temperature": 0.5, "max_tokens": 100, "timeout_s": 5.0, **own}
    return Model(chat_model or offline(), **settings).digest(messages or [*QUESTION])


@tool
def weather(place: str) -> str:
    """The weather."""
    return place


@pytest.mark.parametrize(
    "other",
    [
        lambda: digest(temperature=0.6),
        lambda: digest(max_tokens=101),
        lambda: digest(offline(model="gpt-4.1-mini")),
        lambda: digest(offline(base_url="http://127.0.0.1:10/v1")),
        lambda: digest(offline(seed=7)),
        lambda: digest(offline(model_kwargs={"x": 1})),
        lambda: digest(offline(extra_body={"x": 1})),
        lambda: digest(offline(stop_sequences=["x"])),
        lambda: digest(messages=[HumanMessage("another question")]),
        lambda: digest(messages=[SystemMessage("a question")]),
        lambda: digest(messages=[*QUESTION, *QUESTION]),
        lambda: digest(messages=[HumanMessage("a"), HumanMessage(" question")]),
        lambda: digest(messages=[HumanMessage([{"type": "text", "text": "a question"}])]),
        lambda: Model(offline(), temperature=0.5, max_tokens=100, timeout_s=5).with_tools([weather]).digest(QUESTION),
    ],
)
def test_what_changes_the_answer_changes_the_digest(other: Callable[[], str]) -> None:
    """Settings of the run and of the chat model, the server, the tools, and the messages."""
    assert other() != digest()


@pytest.mark.parametrize(
    "same",
    [
        lambda: digest(offline(api_key="sk-two")),
        lambda: digest(offline(api_key=lambda: "sk-three")),
        lambda: digest(offline(max_retries=7, timeout=3, default_headers={"Authorization": "x"})),
        lambda: digest(offline(streaming=True, stream_usage=False)),
        lambda: digest(offline(cache=InMemoryCache(), tags=["x"], metadata={"x": object()}, callbacks=[])),
        lambda: digest(offline(temperature=0.5), temperature=0.9),
        lambda: digest(timeout_s=9.0, max_retries=9, prices={"gpt-4.1": Price(1, 1)}),
        lambda: digest(messages=[HumanMessage("a question", id="7", additional_kwargs={"rlm": {"role": "query"}})]),
    ],
)
def test_what_only_changes_how_it_is_asked_does_not(same: Callable[[], str]) -> None:
    """Keys, retries, timeouts, headers, streams, caches, and the ids of messages."""
    assert same() == digest()


def test_the_ids_of_tool_calls_do_not_count_but_what_they_say_does() -> None:
    """A provider makes new ids each time."""

    def called(call_id: str, place: str, status: Any = "success") -> str:
        call = {"name": "weather", "args": {"place": place}, "id": call_id}
        return digest(
            messages=[AIMessage("", tool_calls=[call]), ToolMessage("rain", tool_call_id=call_id, status=status)]
        )

    assert called("1", "Rome") == called("2", "Rome")
    assert len({called("1", "Rome"), called("1", "Oslo"), called("1", "Rome", "error")}) == 3


def test_the_ids_of_a_messages_parts_do_not_count() -> None:
    """LangChain makes new ones each time."""

    def asked(part_id: str, text: str) -> str:
        return digest(messages=[HumanMessage([{"type": "text", "text": text, "id": part_id}])])

    assert asked("lc_1", "x") == asked("lc_2", "x") != asked("lc_1", "y")


async def test_what_was_learnt_does_not_change_the_digest(serve: Serve) -> None:
    """The same question is found again by a process that has not met the refusal yet."""
    model = a_model(serve("answer", refuses={"temperature"}))
    before = model.digest(QUESTION)
    await ask(model)
    assert model.temperature is None
    assert model.digest(QUESTION) == before


def test_two_processes_come_to_the_same_digest() -> None:
    """With other hash seeds, so sets and dicts are put in order; what differs from process to process is left out."""
    program = """
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from rlm_graph.models.model import Model
settings = {"logit_bias": {2: 1, 1: 2}, "extra_body": {"set": {"a", "b", "c", "d"}, "object": object()}}
chat_model = ChatOpenAI(model="gpt-4.1", api_key="sk-one", base_url="http://127.0.0.1:9/v1", **settings)
found = Model(chat_model, temperature=0.5, max_tokens=100, timeout_s=5).digest([HumanMessage("a question")])
"""
    here: dict[str, str] = {}
    exec(program, here)
    run = subprocess.run(
        [sys.executable, "-c", program + "print(found)"], env={"PYTHONHASHSEED": "1"}, capture_output=True, check=True
    )
    assert run.stdout.decode().strip() == here["found"]
    assert len(here["found"]) == 64


def test_nothing_blocks_the_event_loop() -> None:
    """As LangGraph's server demands it: in a fresh process, a call reads no file in the loop, nor does a schema."""
    program = """
import asyncio
from blockbuster import blockbuster_ctx
from langchain_core.messages import HumanMessage
from rlm_graph.models.model import Model
from rlm_graph.schema import ask_with_schema
from rlm_graph.testing import ScriptedServer

async def ask(messages):
    return await model.ask(messages, {})

async def main():
    with blockbuster_ctx():
        print(await ask_with_schema(ask, "x", {"type": "integer"}))

with ScriptedServer("7") as server:
    model = Model(server.chat_model("gpt-4.1"), temperature=0, max_tokens=10, timeout_s=5)
    asyncio.run(main())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("7\n", "")


def test_the_digest_is_the_same_on_every_version() -> None:
    """Journals outlive the process that writes them: a change here makes their answers unfindable."""
    model = Model(LazyClient(), temperature=0.5, max_tokens=10, timeout_s=5)
    messages = [SystemMessage("s"), HumanMessage("ä\ud800"), AIMessage("x", tool_calls=[])]
    assert model.digest(messages) == "f3f67763af995d78e9e1d21d936a914dbc6268d11a58dff6646631d14235d260"


def test_the_window_is_that_of_the_profile() -> None:
    """LangChain's data, offline; None for a model that it does not know."""
    assert Model(offline(), temperature=0, max_tokens=10, timeout_s=5).window_tokens == 1_047_576
    assert Model(offline(model="my-own"), temperature=0, max_tokens=10, timeout_s=5).window_tokens is None


def test_a_model_that_takes_no_tools_is_refused() -> None:
    """Before a run begins, with what to do."""
    with pytest.raises(ConfigError, match=r"LazyClient\) can be given no tools"):
        Model(LazyClient(), temperature=0, max_tokens=10, timeout_s=5).with_tools([weather])


async def test_tools_go_with_each_request(serve: Serve) -> None:
    """And what they add to the input is reserved."""
    server = serve(Reply(tool_calls=[ToolCall("weather", {"place": "Rome"})]))
    plain = a_model(server)
    bound = plain.with_tools([weather])
    reply = await bound.ask(QUESTION, {})
    assert reply.tool_calls[0]["args"] == {"place": "Rome"}
    assert tools_of(server.requests[0]) == ["weather"]
    assert bound.estimate(QUESTION).input_tokens > plain.estimate(QUESTION).input_tokens + 20
    await plain.ask(QUESTION, {})
    assert tools_of(server.requests[1]) == []


def tools_of(request: Request) -> list[str]:
    """The names of the tools that a request offers."""
    return [each["function"]["name"] for each in request.body.get("tools", [])]
