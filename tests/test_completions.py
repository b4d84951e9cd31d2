"""Calls without LangChain: the same requests, answers and errors as with it, and only where nobody would notice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.globals import set_debug
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import SecretStr

from rlm_graph import RLMConfig, create_rlm
from rlm_graph.errors import ModelError
from rlm_graph.ledger import Usage
from rlm_graph.models.completions import learn
from rlm_graph.models.listeners import is_heard
from rlm_graph.models.metering import Estimate
from rlm_graph.models.model import Model
from rlm_graph.prices import Price
from rlm_graph.testing import Reply, ScriptedServer, ToolCall, failures

Serve = Callable[..., ScriptedServer]

SETTINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "temperature": {"temperature": 0.25},
    "max_tokens": {"max_tokens": 17},
    "stop": {"stop": ["END", "\n\n"]},
    "seed, top_p": {"seed": 7, "top_p": 0.5},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": -0.5, "logit_bias": {1: 2}},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "extra_body": {"extra_body": {"top_k": 3, "nested": {"a": [1, "ü"]}}},
    "model_kwargs": {"model_kwargs": {"user": "somebody", "prediction": {"type": "content", "content": "x"}}},
    "reasoning": {"reasoning_effort": "low", "verbosity": "low"},
    "headers": {"default_headers": {"X-Gateway": "one", "User-Agent": "mine"}},
    "query": {"default_query": {"api-version": "2024-01-01", "a": "b c&ü"}},
    "organization": {"organization": "org-1"},
    "key": {"api_key": SecretStr("sk-secret")},
    "timeout": {"timeout": 7.5},
    "tier": {"service_tier": "flex"},
    "o-series": {"model": "o3-mini"},
}

PROMPTS = ["a question", "", 'of "quotes" \\ and\nlines\t\x00\x1f', "Grüße, 世界 \U0001f600 \u2028", "x" * 300_000]


class Noted:
    """Notes what it is told of requests."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def reserve(self, estimate: Estimate) -> Noted:
        """One more request."""
        self.told.append(estimate)
        return self

    def settle(self, usage: Usage | None) -> None:
        """It has ended."""
        self.told.append(usage)


def a_model(chat_model: BaseChatModel, **settings: Any) -> Model:
    """The model of a run."""
    return Model(chat_model, **{"temperature": 0.5, "max_tokens": 100, "timeout_s": 5.0, **settings})


async def both_ways(
    chat_model: BaseChatModel, prompt: str | list[BaseMessage] = "a question", **settings: Any
) -> list[Any]:
    """Reply or failure, and what the meter is told, with LangChain and without."""
    ways, asked = [], [HumanMessage(prompt)] if isinstance(prompt, str) else prompt
    for heard in (True, False):
        meter, model = Noted(), a_model(chat_model, **settings)
        try:
            end: Any = await model.ask(asked, {}, meter=meter, is_heard=heard)
        except ModelError as error:
            end = error
        ways.append((end, meter.told))
    return ways


# The request. -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
async def test_the_request_is_the_one_that_langchain_sends(serve: Serve, settings: dict[str, Any]) -> None:
    """Its path, its body and its headers, but for the compression that is asked for."""
    server = serve("an answer")
    chat_model = server.chat_model(**settings)
    assert await learn(chat_model) is not None
    await both_ways(chat_model)
    theirs, ours = server.requests
    assert ours.path == theirs.path
    assert ours.body == theirs.body
    assert list(ours.body) == list(theirs.body)
    without = ("accept-encoding", "host")
    assert {k: v for k, v in ours.headers.items() if k not in without} == {
        k: v for k, v in theirs.headers.items() if k not in without
    }
    assert ours.headers["host"] == theirs.headers["host"]
    assert ours.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("prompt", PROMPTS, ids=["plain", "empty", "escapes", "unicode", "long"])
async def test_any_prompt_is_sent_as_langchain_sends_it(serve: Serve, prompt: str) -> None:
    """Byte for byte: both say how many there are."""
    server = serve("an answer")
    await both_ways(server.chat_model(), prompt)
    theirs, ours = server.requests
    assert ours.body == theirs.body
    assert ours.headers["content-length"] == theirs.headers["content-length"]
    assert ours.body["messages"] == [{"content": prompt, "role": "user"}]


CONVERSATION: list[BaseMessage] = [
    SystemMessage("You are asked."),
    HumanMessage('a "question"', additional_kwargs={"rlm": {"role": "query"}}),
    AIMessage("an answer"),
    HumanMessage("é 😀"),
]


@pytest.mark.parametrize("model", ["m", "o3-mini"])
@pytest.mark.parametrize("messages", [CONVERSATION, CONVERSATION[:2], CONVERSATION[1:]], ids=["all", "two", "three"])
async def test_a_conversation_is_sent_as_langchain_sends_it(
    serve: Serve, model: str, messages: list[BaseMessage]
) -> None:
    """Byte for byte, also where a model calls its messages otherwise."""
    server = serve("an answer")
    await both_ways(server.chat_model(model), messages)
    theirs, ours = server.requests
    assert ours.headers["accept-encoding"] == "identity"
    assert ours.body == theirs.body
    assert ours.headers["content-length"] == theirs.headers["content-length"]
    assert len(ours.body["messages"]) == len(messages)
    assert any(message["role"] == "developer" for message in ours.body["messages"]) == (
        model != "m" and messages[0].type == "system"
    )


async def test_learning_sends_nothing(serve: Serve) -> None:
    """Not even a connection is needed: only a call is a request."""
    assert await learn(ChatOpenAI(model="m", base_url="http://127.0.0.1:9/v1", api_key="x")) is not None


async def test_a_hundred_calls_at_once_learn_once_and_share_connections(serve: Serve) -> None:
    """Each is answered with its own answer."""
    server = serve(lambda request: str(request.messages[-1]["content"])[::-1])
    model = a_model(server.chat_model(default_headers={"Connection": "keep-alive"}))
    asked = [f"question {number}" for number in range(100)]
    replies = await asyncio.gather(*(model.ask([HumanMessage(text)], {}, is_heard=False) for text in asked))
    assert [reply.text for reply in replies] == [text[::-1] for text in asked]
    assert server.count() == 100


async def test_azure_is_asked_at_its_own_address_with_its_own_header(serve: Serve) -> None:
    """Deployment and version in the URL, the key in `api-key`; the test server knows no such path, and says so."""
    server = serve("an answer")
    chat_model = AzureChatOpenAI(
        azure_endpoint=server.base_url.removesuffix("/v1"),
        azure_deployment="mine",
        api_version="2024-06-01",
        api_key=SecretStr("azure-key"),
        max_retries=0,
        default_headers={"Connection": "close"},
    )
    completions = await learn(chat_model)
    assert completions is not None
    head = completions._request.head  # the server keeps nothing of what it refuses
    assert head.startswith(b"POST /openai/deployments/mine/chat/completions?api-version=2024-06-01 HTTP/1.1\r\n")
    assert b"\r\napi-key: azure-key\r\n" in head
    (theirs, _), (ours, _) = await both_ways(chat_model)
    assert isinstance(theirs, ModelError)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


# The answer. --------------------------------------------------------------------------------------------------------


ANSWERS: dict[str, Any] = {
    "plain": "an answer",
    "unicode": "Grüße, 世界 \U0001f600",
    "empty": "",
    "cut": Reply(text="an ans", finish_reason="length"),
    "tool call": Reply(tool_calls=[ToolCall("look_up", {"a": 1})]),
    "no choice": Reply(raw_body=json.dumps({"id": "1", "model": "m", "choices": []})),
}


def said(**changes: Any) -> str:
    """A completion as a server might send it."""
    message = {"role": "assistant", "content": "an answer", **changes.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **changes.pop("choice", {})}
    usage = {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-2025", "choices": [choice]}
    return json.dumps({**whole, "usage": usage, **changes})


SAID = {
    "whole": said(system_fingerprint="fp_1"),
    "details": said(
        usage={
            "prompt_tokens": 2000,
            "completion_tokens": 300,
            "total_tokens": 2300,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": None},
        }
    ),
    "no usage": said(usage=None),
    "no total": said(usage={"prompt_tokens": 4, "completion_tokens": 5}),
    "tokens that are none": said(usage={"prompt_tokens": None, "completion_tokens": 5, "total_tokens": 5}),
    "flex": said(service_tier="flex"),
    "default tier": said(service_tier="default"),
    "refusal": said(message={"content": None, "refusal": "I cannot"}),
    "no content": said(message={"content": None}),
    "reasoning": said(message={"reasoning_content": "hmm"}),
    "other role": said(message={"role": "user"}),
    "two choices": said(
        choices=[
            {"index": at, "message": {"role": "assistant", "content": f"answer {at}"}, "finish_reason": "stop"}
            for at in range(2)
        ]
    ),
    "no choices": said(choices=None),
    "no reason": said(choice={"finish_reason": None}),
    "logprobs": said(choice={"logprobs": {"content": [{"token": "an", "logprob": -0.5}]}}),
    "error in a 200": said(error={"message": "it went wrong"}),
    "a list": "[1, 2]",
    "a text": '"hello"',
    "surrogate": said(message={"content": "a\ud800b"}),
}


@pytest.mark.parametrize(
    "reply",
    [*ANSWERS.values(), *(Reply(raw_body=body) for body in SAID.values())],
    ids=[*ANSWERS, *SAID],
)
async def test_an_answer_is_read_as_langchain_reads_it(serve: Serve, reply: Any) -> None:
    """Text, tokens, their price, and what the server says of itself; or the same error."""
    server = serve(reply)
    prices = {"root": Price(1, 2)}
    (theirs, their_meter), (ours, our_meter) = await both_ways(server.chat_model(), prices=prices, max_retries=0)
    assert our_meter == their_meter
    if isinstance(theirs, AIMessage):
        assert seen(ours) == seen(theirs)
    else:
        assert (type(ours), str(ours)) == (type(theirs), str(theirs))
    assert server.count() == 2


def seen(reply: AIMessage) -> dict[str, Any]:
    """What is used of a reply."""
    used = ("model_name", "model_provider", "finish_reason", "system_fingerprint", "logprobs")
    return {
        "text": reply.text,
        "tokens": reply.usage_metadata,
        "calls": [call["name"] for call in reply.tool_calls],
        "refusal": reply.additional_kwargs.get("refusal"),
        "ids": (str(reply.id)[:8], str(reply.response_metadata.get("id"))[:9]),  # the test server counts completions
        **{name: reply.response_metadata.get(name) for name in used},
    }


# Failures. ----------------------------------------------------------------------------------------------------------


FAILURES: dict[str, Reply] = {
    "400": Reply(status=400, text="The prompt is too strange."),
    "401": failures.unauthorized("sk-old"),
    "403": Reply(status=403),
    "404": failures.model_not_found("root"),
    "422": Reply(status=422),
    "429": Reply(status=429, headers={"Retry-After": "7"}),
    "429 in ms": Reply(status=429, headers={"retry-after-ms": "7000"}),
    "no money": failures.quota_used_up(),
    "500": Reply(status=500),
    "503 for good": Reply(status=503, headers={"x-should-retry": "false"}),
    "html": failures.html_page(),
    "no json": failures.invalid_json(),
    "no completion": failures.no_completion(),
    "nothing": failures.empty_body(),
    "hangs up": failures.closed(),
}


@pytest.mark.parametrize("reply", FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_told_as_langchain_tells_it(serve: Serve, reply: Reply) -> None:
    """The same kind of error with the same words, after as many requests."""
    server = serve(reply)
    (theirs, their_meter), (ours, our_meter) = await both_ways(server.chat_model(), max_retries=0)
    assert isinstance(theirs, ModelError)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))
    assert our_meter == their_meter
    assert server.count() == 2


async def test_a_server_that_is_not_there_is_told_as_langchain_tells_it() -> None:
    """Nobody listens on the discard port."""
    chat_model = ChatOpenAI(model="m", base_url="http://127.0.0.1:9/v1", api_key="x", max_retries=0)
    (theirs, _), (ours, _) = await both_ways(chat_model, max_retries=0)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


@pytest.mark.parametrize("limit", [{"timeout_s": 0.2}, {}], ids=["of the run", "of the chat model"])
async def test_an_answer_that_does_not_come_is_told_as_langchain_tells_it(serve: Serve, limit: dict[str, Any]) -> None:
    """Whoever set the limit."""
    server = serve(Reply(hang=True))
    chat_model = server.chat_model(timeout=5 if limit else 0.2)
    (theirs, _), (ours, _) = await both_ways(chat_model, max_retries=0, **limit)
    assert isinstance(theirs, ModelError)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


async def test_what_may_pass_is_asked_again(serve: Serve) -> None:
    """As soon as the server says, over and over."""
    again = Reply(status=429, headers={"Retry-After": "0.05"})
    server = serve([again, again, "an answer"])
    reply = await a_model(server.chat_model(max_retries=None)).ask([HumanMessage("a")], {}, is_heard=False)
    assert reply.text == "an answer"
    assert server.count() == 3


async def test_a_setting_that_the_server_refuses_is_left_out(serve: Serve) -> None:
    """The request is learnt anew without it."""
    server = serve("an answer", refuses={"temperature"})
    model = a_model(server.chat_model())
    for _ in range(2):
        assert (await model.ask([HumanMessage("a")], {}, is_heard=False)).text == "an answer"
    assert ["temperature" in request.body for request in server.requests] == [True, False, False]
    assert all(request.headers["accept-encoding"] == "identity" for request in server.requests)


async def test_a_redirect_is_followed_by_the_chat_model(serve: Serve) -> None:
    """It is one request to the meter, and calls after it go LangChain's way."""
    there = serve("an answer")
    moved = Reply(status=307, headers={"Location": f"{there.base_url}/chat/completions"}, raw_body="")
    here, meter = serve(moved), Noted()
    model = a_model(here.chat_model())
    for _ in range(2):
        assert (await model.ask([HumanMessage("a")], {}, meter=meter, is_heard=False)).text == "an answer"
    assert len(meter.told) == 4
    assert [request.headers["accept-encoding"] == "identity" for request in here.requests] == [True, False, False]


async def test_a_cancelled_call_gives_everything_back(serve: Serve) -> None:
    """The meter is told, and the server sees that nobody waits any more."""
    server, meter = serve([Reply(hang=True), "an answer"]), Noted()
    model = a_model(server.chat_model())
    asking = asyncio.create_task(model.ask([HumanMessage("a")], {}, meter=meter, is_heard=False))
    while not server.in_flight:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert meter.told[1:] == [None]
    while server.in_flight:
        await asyncio.sleep(0.01)
    assert (await model.ask([HumanMessage("a")], {}, is_heard=False)).text == "an answer"


async def test_who_learns_may_be_cancelled_without_harm_to_others(serve: Serve) -> None:
    """They are answered all the same."""
    server = serve("an answer")
    model = a_model(server.chat_model())
    first, second = (asyncio.create_task(model.ask([HumanMessage("a")], {}, is_heard=False)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).text == "an answer"
    with pytest.raises(asyncio.CancelledError):
        await first


def test_a_model_serves_event_loops_one_after_the_other(serve: Serve) -> None:
    """What was learnt is kept; connections are each loop's own, and end with it."""
    server = serve("an answer")
    model = a_model(server.chat_model(default_headers={"Connection": "keep-alive"}))
    for _ in range(3):
        assert asyncio.run(model.ask([HumanMessage("a")], {}, is_heard=False)).text == "an answer"


# What is left to LangChain. -----------------------------------------------------------------------------------------


class Mine(ChatOpenAI):
    """A chat model of the user's."""


def a_key() -> str:
    """A key that is made anew for each call."""
    return "x"


@pytest.mark.parametrize(
    "chat_model",
    [
        lambda: Mine(model="m", api_key="x"),
        lambda: ChatOpenAI(model="m", api_key=a_key),
        lambda: ChatOpenAI(model="m", api_key="x", http_async_client=openai.DefaultAsyncHttpxClient()),
        lambda: ChatOpenAI(model="m", api_key="x", http_socket_options=[]),
        lambda: ChatOpenAI(model="m", api_key="x", openai_proxy="http://127.0.0.1:9"),
        lambda: ChatOpenAI(model="m", api_key="x", streaming=True),
        lambda: ChatOpenAI(model="m", api_key="x", use_responses_api=True),
        lambda: ChatOpenAI(model="m", api_key="x", verbose=True),
        lambda: ChatOpenAI(model="m", api_key="x", callbacks=[AsyncCallbackHandler()]),
        lambda: ChatOpenAI(model="m", api_key="x", include_response_headers=True),
        lambda: ChatOpenAI(model="m", api_key="x", output_version="v1"),
        lambda: ChatOpenAI(model="m", api_key="x", model_kwargs={"response_format": {"type": "json_object"}}),
        lambda: ChatOpenAI(model="m", api_key="x", default_headers={"Authorization": "Basic abc"}),
        lambda: ChatOpenAI(model="m", api_key="x", default_headers={"X-Bad": "a\r\nb"}),
        lambda: ChatOpenAI(model="m", api_key="x", model_kwargs={"no_such": 1}),
    ],
    ids=[
        *("subclass", "key function", "client", "socket options", "proxy", "streaming", "responses", "verbose"),
        *("callbacks", "headers of answers", "v1", "format", "other authorization", "bad header", "bad setting"),
    ],
)
async def test_what_is_the_users_own_is_left_to_langchain(chat_model: Callable[[], BaseChatModel]) -> None:
    """Whoever has changed how calls are made wants it so."""
    assert await learn(chat_model()) is None


@pytest.mark.parametrize(
    ("environment", "is_learnt"),
    [
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, False),
        ({"ALL_PROXY": "http://127.0.0.1:9"}, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "localhost, 127.0.0.1"}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "7.0.0.1"}, False),
    ],
)
async def test_a_proxy_of_the_environment_is_left_to_langchain(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_learnt: bool
) -> None:
    """Where requests to that host go through one."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    chat_model = ChatOpenAI(model="m", base_url="http://127.0.0.1:9/v1", api_key="x")
    assert (await learn(chat_model) is not None) == is_learnt


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("a", name="somebody"),
        HumanMessage([{"type": "text", "text": "a"}]),
        HumanMessage("a", additional_kwargs={"name": "somebody"}),
        AIMessage("a", tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
        ToolMessage("a", tool_call_id="1"),
    ],
    ids=["named", "parts", "named otherwise", "calls", "result"],
)
async def test_other_messages_than_texts_are_left_to_langchain(serve: Serve, message: BaseMessage) -> None:
    """Wherever in a conversation they stand."""
    server = serve("an answer")
    await a_model(server.chat_model()).ask([HumanMessage("a"), message], {}, is_heard=False)
    assert server.requests[0].headers["accept-encoding"] != "identity"


# Who listens. -------------------------------------------------------------------------------------------------------


class Listener(AsyncCallbackHandler):
    """Counts calls of models."""

    def __init__(self) -> None:
        self.calls = 0

    async def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        """One more."""
        self.calls += 1


def a_run(server: ScriptedServer, config: Any = None, **options: Any) -> list[bool]:
    """Which requests of a run with two sub-calls were made without LangChain: the root's, theirs."""
    rlm = create_rlm(server.chat_model("root"), sub_model=server.chat_model("sub"), **options)
    with rlm:
        result = rlm.invoke({"query": "?", "context": "text"}, config)
    assert result["answer"] == "['an answer', 'an answer']"
    return [request.headers["accept-encoding"] == "identity" for request in server.requests]


CELL = "```repl\nFINAL(str(llm_query_batched(['a', 'b'])))\n```"


def test_calls_of_a_run_that_nobody_listens_to_are_made_without_langchain(serve: Serve) -> None:
    """The root's turns too."""
    assert a_run(serve({"root": CELL, "sub": "an answer"})) == [True, True, True]


def test_who_listens_hears_every_call(serve: Serve) -> None:
    """Callbacks of the run: of the root's turn and the sub-calls."""
    listener = Listener()
    assert a_run(serve({"root": CELL, "sub": "an answer"}), {"callbacks": [listener]}) == [False] * 3
    assert listener.calls == 3


def test_a_stream_of_messages_is_no_listener_to_sub_calls(serve: Serve) -> None:
    """LangGraph leaves them out, as they are tagged; it has the root model's tokens."""
    server = serve({"root": CELL, "sub": "an answer"})
    with create_rlm(server.chat_model("root"), sub_model=server.chat_model("sub")) as rlm:
        chunks = list(rlm.stream({"query": "?", "context": "text"}, stream_mode="messages"))
    assert "".join(str(chunk.text) for chunk, _ in chunks).startswith("```repl")
    assert not any(chunk.text == "an answer" for chunk, _ in chunks)
    by_itself = [request.headers["accept-encoding"] == "identity" for request in server.requests]
    assert by_itself == [False, True, True]


@pytest.fixture
def debugging() -> Iterator[None]:
    """LangChain's debugging is on."""
    set_debug(True)
    yield
    set_debug(False)


@pytest.mark.usefixtures("debugging")
def test_langchains_debugging_listens() -> None:
    """It prints each call."""
    assert is_heard({})


def test_tracing_of_langsmith_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment switches it on."""
    assert not is_heard({})
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")  # its client looks who is there, in a thread
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "x")
    from langsmith.utils import get_env_var

    get_env_var.cache_clear()
    assert is_heard({})
    monkeypatch.undo()
    get_env_var.cache_clear()


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (BaseChatModel, "agenerate"),
        (openai.resources.chat.completions.AsyncCompletions, "create"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
    ],
)
def test_what_wraps_the_way_of_a_request_listens(monkeypatch: pytest.MonkeyPatch, kind: type, method: str) -> None:
    """As instrumentation and recorders do; here the wrapper is the thing that is to be noticed."""
    assert not is_heard({})
    original = getattr(kind, method)

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await original(*args, **kwargs)

    monkeypatch.setattr(kind, method, wrapper)
    assert is_heard({})


def test_a_run_beyond_its_concurrency_is_answered_in_order(serve: Serve) -> None:
    """Calls that have not begun wait as what they are; none is lost, and no more are in flight than may be."""
    cell = "```repl\nFINAL(llm_query_batched([f'{i}' for i in range(50)]) == [f'{i}!' for i in range(50)])\n```"
    server = serve({"root": cell, "sub": lambda request: f"{request.messages[-1]['content']}!"}, latency_s=0.01)
    config = RLMConfig(max_concurrency=3)
    with create_rlm(server.chat_model("root"), sub_model=server.chat_model("sub"), config=config) as rlm:
        assert rlm.invoke({"query": "?", "context": "text"})["answer"] == "True"
    assert server.in_flight_max <= 3
