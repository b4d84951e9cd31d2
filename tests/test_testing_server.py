from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from openai import AsyncOpenAI, OpenAI

from rlm_graph.testing import (
    HandPlayedServer,
    HandPlayer,
    Reply,
    Request,
    ScriptedServer,
    ToolCall,
    Usage,
    failures,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
WEATHER = ToolCall(name="weather", arguments={"city": "Köln", "days": 3})


def client(server: ScriptedServer, **options: Any) -> OpenAI:
    """A real client without retries, so that each call is one request."""
    return OpenAI(**{"base_url": server.base_url, "api_key": "sk-test", "max_retries": 0} | options)


def ask(server: ScriptedServer, model: str = "root", text: str = "Hello?", **options: Any) -> str | None:
    """One question through the real client."""
    with client(server) as caller:
        messages: Any = [{"role": "user", "content": text}]
        return caller.chat.completions.create(model=model, messages=messages, **options).choices[0].message.content


def post(server: ScriptedServer, body: Any = None, **options: Any) -> httpx.Response:
    """One raw request."""
    body = {"model": "root", "messages": HELLO} if body is None else body
    return httpx.post(f"{server.base_url}/chat/completions", json=body, timeout=10, **options)


def port(server: ScriptedServer) -> int:
    """The number in the base URL."""
    return int(httpx.URL(server.base_url).port or 0)


def wait_until(condition: Callable[[], object]) -> None:
    """Poll, because what happens on the server's thread happens a moment later."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited for 10 s"
        time.sleep(0.005)


# Clients


def test_the_openai_client_gets_a_whole_completion() -> None:
    """A completion has the text, an id, a finish reason and usage by the rule of a quarter of the characters."""
    with ScriptedServer(["Hello you."]) as server, client(server) as caller:
        messages: Any = HELLO
        completion = caller.chat.completions.create(model="root", messages=messages)
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("Hello you.", "stop")
    assert (completion.model, completion.id, completion.object) == (
        "root",
        "chatcmpl-00000000",
        "chat.completion",
    )
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 4  # 15 characters
    assert completion.usage.completion_tokens == 3  # 10 characters
    assert completion.usage.total_tokens == 7
    assert server.usage == Usage(4, 3)


def test_the_openai_client_gets_a_stream() -> None:
    """A stream brings the text in pieces, the finish reason, and at its end the usage if it was asked for."""
    with ScriptedServer(Reply(chunks=["Hel", "lo ", "you."])) as server, client(server) as caller:
        messages: Any = HELLO
        stream = caller.chat.completions.create(
            model="root", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        *chunks, last = stream
        plain = list(caller.chat.completions.create(model="root", messages=messages, stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert pieces == ["Hel", "lo ", "you."]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 7
    assert all(chunk.usage is None for chunk in [*chunks, *plain])
    assert plain[-1].choices[0].finish_reason == "stop"


async def test_the_async_openai_client_gets_both() -> None:
    """The async client is served as well, and so is `async with`."""
    async with (
        ScriptedServer(["whole", "in pieces " * 50]) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="any", max_retries=0) as caller,
    ):
        messages: Any = HELLO
        whole = await caller.chat.completions.create(model="root", messages=messages)
        stream = await caller.chat.completions.create(model="root", messages=messages, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert whole.choices[0].message.content == "whole"
    assert "".join(pieces) == "in pieces " * 50
    assert len(pieces) > 10


async def test_langchain_gets_replies_in_all_four_ways() -> None:
    """`ChatOpenAI` invokes and streams, sync and async, with usage each time."""
    question = [SystemMessage("Be brief."), HumanMessage("Hello?")]
    with ScriptedServer("Hello you.") as server:
        model = server.chat_model("sub", temperature=0.4, max_tokens=77)
        messages = [model.invoke(question), await model.ainvoke(question)]
        streamed = list(model.stream(question))
        async_streamed = [chunk async for chunk in model.astream(question)]
    assert [message.text for message in messages] == ["Hello you."] * 2
    for chunks in (streamed, async_streamed):
        message = chunks[0]
        for chunk in chunks[1:]:
            message += chunk
        assert message.text == "Hello you."
        messages.append(message)  # type: ignore[arg-type]
    for message in messages:
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_tokens"] == 4
        assert message.usage_metadata["output_tokens"] == 3
    first = server.requests[0]
    assert (first.model, first.temperature, first.max_tokens, first.stream) == ("sub", 0.4, 77, False)
    assert (first.system, first.text) == ("Be brief.", "Hello?")
    assert server.requests[3].stream
    assert server.usage == Usage(16, 12)


def test_langchain_keeps_no_connection_open_unless_told_to() -> None:
    """With headers of one's own as well: LangChain would keep it for a later event loop, which cannot use it."""
    with ScriptedServer("yes") as server:
        for headers in (None, {"X-Mine": "1"}, {"Connection": "keep-alive"}):
            server.chat_model(default_headers=headers).invoke("?")
    kept = [(request.headers["connection"], request.headers.get("x-mine")) for request in server.requests]
    assert kept == [("close", None), ("close", "1"), ("keep-alive", None)]


@pytest.mark.parametrize("stream", [False, True])
def test_langchain_gets_tool_calls(stream: bool) -> None:
    """Tool calls arrive whole or in pieces, and their result can be sent back."""
    with ScriptedServer([Reply(tool_calls=[WEATHER, ToolCall(name="clock", id="c7")]), "Rain."]) as server:
        model = server.chat_model(streaming=stream)
        asked = model.invoke("How is the weather?")
        results = [ToolMessage("rain", tool_call_id=call["id"]) for call in asked.tool_calls]
        answer = model.invoke([HumanMessage("How is the weather?"), asked, *results])
    assert isinstance(asked, AIMessage)
    assert [(call["name"], call["args"]) for call in asked.tool_calls] == [
        ("weather", {"city": "Köln", "days": 3}),
        ("clock", {}),
    ]
    assert asked.tool_calls[1]["id"] == "c7"
    assert asked.response_metadata["finish_reason"] == "tool_calls"
    assert answer.text == "Rain."
    assert [message["role"] for message in server.requests[1].messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
    ]


def test_broken_tool_arguments_are_sent_as_they_are() -> None:
    """A model that writes broken JSON for a tool can be played."""
    with ScriptedServer(Reply(tool_calls=[ToolCall(name="weather", arguments='{"city": ')])) as server:
        message = server.chat_model().invoke("?")
    assert message.invalid_tool_calls[0]["args"] == '{"city": '


def test_models_are_listed() -> None:
    """The list of models is the script's names; a name that is not there is a 404."""
    with ScriptedServer({"root": "a", "vendor/sub": "b"}) as server, client(server) as caller:
        assert [model.id for model in caller.models.list()] == ["root", "vendor/sub"]
        assert httpx.get(f"{server.base_url}/models/vendor/sub").json()["id"] == "vendor/sub"
        with pytest.raises(openai.NotFoundError, match="`other` does not exist"):
            caller.models.retrieve("other")
    with ScriptedServer("same for all") as server, client(server) as caller:
        assert [model.id for model in caller.models.list()] == ["root", "sub"]
        assert caller.models.retrieve("any").id == "any"


def test_paths_work_without_v1_and_wrong_ones_are_errors() -> None:
    """Both base URLs work; another path is a 404 and another method a 405, with bodies that clients can read."""
    with ScriptedServer("yes") as server:
        bare = server.base_url.removesuffix("/v1")
        body = {"model": "root", "messages": HELLO}
        assert httpx.post(f"{bare}/chat/completions?api-version=1", json=body).status_code == 200
        wrong = httpx.post(f"{server.base_url}/responses", json=body)
        assert (wrong.status_code, wrong.json()["error"]["message"]) == (
            404,
            "Invalid URL (POST /v1/responses)",
        )
        assert httpx.get(f"{server.base_url}/chat/completions").status_code == 405
    assert server.requests[0].path == "/chat/completions?api-version=1"
    assert server.count() == 1


def test_bodies_in_chunks_and_long_ones_arrive() -> None:
    """A body of unknown length and one of several megabytes arrive whole, and keep-alive goes on after them."""
    long = "ü" * 3_000_000
    body = json.dumps({"model": "root", "messages": [{"role": "user", "content": long}]}, ensure_ascii=False).encode()
    pieces = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    with (
        ScriptedServer(lambda request: request.text) as server,
        httpx.Client(base_url=server.base_url) as caller,
    ):
        chunked = caller.post("/chat/completions", content=pieces, headers={"Expect": "100-continue"})
        whole = caller.post("/chat/completions", content=body)
    for response in (chunked, whole):
        assert response.json()["choices"][0]["message"]["content"] == long


def test_unicode_survives_in_both_directions() -> None:
    """Lone surrogates, NUL and emoji are answered as they were sent."""
    text = "a\x00b \ud83d \U0001f600 \r\n ü"
    with ScriptedServer(lambda request: request.text) as server:
        raw = json.dumps({"model": "root", "messages": [{"role": "user", "content": text}]})
        response = httpx.post(f"{server.base_url}/chat/completions", content=raw)
    assert response.json()["choices"][0]["message"]["content"] == text


def test_what_is_no_http_gets_a_400() -> None:
    """A client that speaks something else is told so and the connection is closed."""
    with ScriptedServer("yes") as server:

        async def exchange() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        assert asyncio.run(exchange()).startswith(b"HTTP/1.1 400 Bad Request")


# Scripts


def test_a_list_is_played_in_order_and_then_says_that_it_is_used_up() -> None:
    """After the last reply of a list comes an error with the number of replies, and the log shows it."""
    with ScriptedServer(["one", Reply(text="two"), lambda request: f"three to {request.text}"]) as server:
        assert [ask(server), ask(server), ask(server, text="you")] == ["one", "two", "three to you"]
        with client(server, max_retries=2) as caller, pytest.raises(openai.InternalServerError) as caught:
            caller.chat.completions.create(model="root", messages=[{"role": "user", "content": "more"}])
    assert "the script for model 'root' is used up: it has 3 replies and this is request 4" in str(caught.value)
    assert server.count() == 4  # the client was told not to try again
    last = server.requests[-1].reply
    assert last is not None
    assert last.status == 500


def test_root_and_sub_model_have_scripts_of_their_own() -> None:
    """Each name has its own list or function, its own count, and any other name is unknown."""

    async def sub(request: Request) -> Reply:
        await asyncio.sleep(0)
        return Reply(text=f"{request.index}/{request.model_index}", usage=Usage(10, 1))

    with ScriptedServer({"root": ["first", "second"], "sub": sub}) as server:
        answers = [ask(server, model) for model in ("root", "sub", "sub", "root", "sub")]
        with pytest.raises(openai.NotFoundError) as caught:
            ask(server, "subb")
    assert answers == ["first", "1/0", "2/1", "second", "4/2"]
    assert caught.value.code == "model_not_found"
    assert (server.count("root"), server.count("sub"), server.count("subb"), server.count()) == (2, 3, 1, 6)
    assert server.usage == Usage(2 + 2 + 3 * 10, 2 + 2 + 3 * 1)


def test_one_reply_can_stand_for_every_request() -> None:
    """A script that is a single text or reply never ends."""
    with ScriptedServer({"root": "same", "sub": Reply(text="other", finish_reason="length")}) as server:
        assert [ask(server) for _ in range(3)] == ["same"] * 3
        assert post(server, {"model": "sub", "messages": HELLO}).json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("script", [lambda request: 1 / 0, lambda request: None])
def test_a_script_that_fails_is_an_error_and_not_a_reply(script: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An exception or a wrong type in a script is an HTTP 500 with its words, and is logged."""
    with (
        ScriptedServer(script) as server,
        pytest.raises(openai.InternalServerError, match="the script raised"),
    ):
        ask(server)
    assert "the script failed on request 0" in caplog.text


def test_what_is_no_script_is_refused_when_the_server_is_made() -> None:
    """A wrong script or a contradictory reply is an error at the line that has it."""
    wrong: Any = 42
    with pytest.raises(TypeError, match="a script is a str, a Reply, a function or a list of these, not 42"):
        ScriptedServer(wrong)
    with pytest.raises(ValueError, match="text or chunks, not both"):
        Reply(text="a", chunks=["a"])


def test_a_request_shows_what_was_sent() -> None:
    """The log has body, headers, path, time and the messages' text, also of content in parts."""
    before = time.time()
    parts = [
        {"type": "text", "text": "What "},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "is it?"},
    ]
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None},
    ]
    body = {"model": "root", "messages": messages, "max_completion_tokens": 5, "max_tokens": 9, "seed": 1}
    with ScriptedServer("An image.") as server:
        assert post(server, body, headers={"X-Trace": "t1"}).headers["x-request-id"] == "req_00000000"
    (request,) = server.requests
    assert request.body == body
    assert (request.system, request.text, request.max_tokens) == ("Be brief.", "What is it?", 5)
    assert (request.temperature, request.stream, request.path) == (None, False, "/v1/chat/completions")
    assert request.headers["x-trace"] == "t1"
    assert before <= request.received_at <= time.time()
    assert request.reply == Reply(text="An image.")
    assert "What is it?" not in repr(request)


def test_requests_that_no_model_could_answer_are_refused() -> None:
    """No JSON, no model, no messages and n = 2 are 400s that use up no turn of the script."""
    bad = [[], {"messages": HELLO}, {"model": "root"}, {"model": "root", "messages": HELLO, "n": 2}]
    with ScriptedServer(["the only reply"]) as server:
        assert [post(server, body).status_code for body in bad] == [400] * 4
        assert httpx.post(f"{server.base_url}/chat/completions", content=b"{").status_code == 400
        assert ask(server) == "the only reply"
    assert server.count() == 6
    assert server.requests[-1].model_index == 0


# Failures


@pytest.mark.parametrize(
    ("reply", "error", "code", "words"),
    [
        (
            failures.unauthorized("sk-proj-abcdefghij1234"),
            openai.AuthenticationError,
            "invalid_api_key",
            "sk-proj-**********1234.",
        ),
        (failures.unauthorized(), openai.AuthenticationError, None, "You didn't provide an API key"),
        (
            failures.model_not_found("gpt-9"),
            openai.NotFoundError,
            "model_not_found",
            "The model `gpt-9` does not exist",
        ),
        (
            failures.rate_limited(retry_after_s=0.5),
            openai.RateLimitError,
            "rate_limit_exceeded",
            "Rate limit reached",
        ),
        (
            failures.quota_used_up(),
            openai.RateLimitError,
            "insufficient_quota",
            "exceeded your current quota",
        ),
        (failures.server_error(), openai.InternalServerError, None, "had an error while processing"),
        (failures.overloaded(), openai.InternalServerError, None, "currently overloaded"),
        (Reply(status=500), openai.InternalServerError, None, "had an error while processing"),
        (Reply(status=418, text="I am a teapot"), openai.APIStatusError, None, "I am a teapot"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_reach_the_client_as_its_own_exceptions(
    reply: Reply, error: type[openai.APIStatusError], code: str | None, words: str, stream: bool
) -> None:
    """Each status becomes the client's exception with code and message, in streams as well."""
    with ScriptedServer(reply) as server, pytest.raises(error) as caught:
        ask(server, stream=stream)
    assert caught.value.status_code == reply.status
    assert caught.value.code == code
    assert words in caught.value.message
    assert server.usage == Usage()
    if retry_after := reply.headers.get("Retry-After"):
        assert caught.value.response.headers["retry-after"] == retry_after == "0.5"


def test_a_client_that_tries_again_gets_the_next_reply() -> None:
    """Failures are turns of the script: a client with retries comes through."""
    script = [failures.rate_limited(retry_after_s=0.01), failures.closed(), "at last"]
    with ScriptedServer(script) as server:
        assert server.chat_model(max_retries=3).invoke("?").text == "at last"
    assert server.count() == 3


def test_a_required_key_is_checked_everywhere() -> None:
    """Without the key neither completions nor the list are served, and no turn is used up."""
    with ScriptedServer(["for the right key"], api_key="sk-right") as server:
        with pytest.raises(openai.AuthenticationError) as caught:
            ask(server)
        assert caught.value.body == {
            "message": "Incorrect API key provided: sk-test. "
            "You can find your API key at https://platform.openai.com/account/api-keys.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        }
        assert post(server).json()["error"]["message"].startswith("You didn't provide an API key.")
        assert httpx.get(f"{server.base_url}/models").status_code == 401
        assert server.chat_model().invoke("?").text == "for the right key"


def test_a_model_that_refuses_a_temperature_takes_the_default_one() -> None:
    """The 400 has OpenAI's words; 1, null and no temperature at all are taken."""
    with ScriptedServer("yes", refuses={"temperature"}) as server:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(server, temperature=0.6)
        assert caught.value.body == {
            "message": "Unsupported value: 'temperature' does not support 0.6 with this model. "
            "Only the default (1) value is supported.",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": "unsupported_value",
        }
        assert [ask(server, temperature=1), ask(server, temperature=None), ask(server)] == ["yes"] * 3


def test_models_refuse_either_name_of_the_token_limit() -> None:
    """New models refuse `max_tokens`, old servers do not know `max_completion_tokens`; each per model."""
    refuses = {"new": {"max_tokens", "stop"}, "old": {"max_completion_tokens"}}
    with ScriptedServer("yes", refuses=refuses) as server:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(server, "new", max_tokens=5)
        assert caught.value.body == {
            "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "type": "invalid_request_error",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
        with pytest.raises(openai.BadRequestError, match=r"'stop' is not supported with this model\.$"):
            ask(server, "new", stop="x")
        with pytest.raises(
            openai.BadRequestError, match="Unrecognized request argument supplied: max_completion_tokens"
        ):
            ask(server, "old", max_completion_tokens=5)
        assert ask(server, "new", max_completion_tokens=5) == "yes"
        assert ask(server, "old", max_tokens=5) == "yes"
        assert ask(server, "third", max_tokens=5) == "yes"


@pytest.mark.parametrize(
    ("reply", "content_type", "start"),
    [
        (failures.html_page(), "text/html; charset=utf-8", b"<!doctype html>"),
        (failures.invalid_json(), "application/json", b'{"id": "chatcmpl-0"'),
        (failures.no_completion(), "application/json", b'{"status": "ok"}'),
        (failures.empty_body(), "application/json", b""),
        (Reply(raw_body=b"\xff\xfe", headers={"content-type": "text/x"}), "text/x", b"\xff\xfe"),
    ],
)
def test_garbage_is_sent_as_it_is(reply: Reply, content_type: str, start: bytes) -> None:
    """A 200 can have any body and any content type, whether a stream was asked for or not."""
    with ScriptedServer(reply) as server:
        for stream in (False, True):
            response = post(server, {"model": "root", "messages": HELLO, "stream": stream})
            assert response.status_code == 200
            assert response.headers["content-type"] == content_type
            assert response.content.startswith(start)
            assert bool(response.content) == bool(start)
    assert server.usage == Usage()


def test_a_connection_can_be_closed_without_an_answer() -> None:
    """The client sees that the server went away, and the next request gets a new connection."""
    with ScriptedServer([failures.closed(), "well"]) as server, client(server) as caller:
        with pytest.raises(openai.APIConnectionError):
            caller.chat.completions.create(model="root", messages=[{"role": "user", "content": "?"}])
        assert (
            caller.chat.completions.create(model="root", messages=[{"role": "user", "content": "?"}])
            .choices[0]
            .message.content
            == "well"
        )


def test_a_stream_can_break_in_the_middle() -> None:
    """With chunks given, the stream brings them and then the connection closes."""
    body = {"model": "root", "messages": HELLO, "stream": True}
    seen = []
    with (
        ScriptedServer(Reply(chunks=["so ", "far"], chunk_delay_s=0.01, close_connection=True)) as server,
        httpx.stream("POST", f"{server.base_url}/chat/completions", json=body) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        seen.extend(response.iter_lines())
    contents = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in seen if line]
    assert contents == ["", "so ", "far"]


def test_a_client_that_gives_up_on_a_hanging_request_frees_it() -> None:
    """A request that hangs is in flight until its client goes away."""
    with ScriptedServer(failures.hanging()) as server:
        with client(server, timeout=0.2) as caller, pytest.raises(openai.APITimeoutError):
            caller.chat.completions.create(model="root", messages=[{"role": "user", "content": "?"}])
        wait_until(lambda: server.in_flight == 0)
    assert server.in_flight_max == 1
    assert server.usage == Usage()


@pytest.mark.parametrize("stream", [False, True])
def test_closing_the_server_ends_hanging_requests(stream: bool) -> None:
    """Clients that wait, for an answer or for the rest of one, see the connection end when the server closes."""
    ended: list[type[Exception]] = []

    def wait_for_ever() -> None:
        try:
            post(server, {"model": "root", "messages": HELLO, "stream": stream})
        except httpx.HTTPError as error:
            ended.append(type(error))

    with ScriptedServer(Reply(chunks=["a"], hang=True)) as server:
        threads = [threading.Thread(target=wait_for_ever) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: server.in_flight == 3)
    for thread in threads:
        thread.join(5)
    assert len(ended) == 3


# Time and numbers


async def test_300_requests_wait_at_once() -> None:
    """Latency is not a thread: 300 requests with 100 ms each are all in flight together."""
    threads_before = threading.active_count()

    all_are_there = asyncio.Barrier(300)  # otherwise a slow machine answers the first before it sends the last

    async def echo_when_all_are_there(request: Request) -> str:
        await all_are_there.wait()
        return request.text

    async with ScriptedServer(echo_when_all_are_there, latency_s=0.1) as server:
        streams = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port(server)) for _ in range(300)))
        for number, (_, writer) in enumerate(streams):
            body = json.dumps({"model": "sub", "messages": [{"role": "user", "content": str(number)}]}).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
        assert threading.active_count() <= threads_before + 2  # the server's, and the one that started it
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert [body["choices"][0]["message"]["content"] for body in bodies] == list(map(str, range(300)))
    assert server.in_flight_max == 300
    assert server.count("sub") == 300


def test_many_langchain_calls_wait_at_once() -> None:
    """A batch of `ChatOpenAI` calls is in flight together, as many as its threads allow."""
    with ScriptedServer("yes", latency_s=0.3) as server:
        replies = server.chat_model().batch(["?"] * 16, {"max_concurrency": 16})
    assert len(replies) == 16
    assert server.in_flight_max >= 12


def test_requests_after_one_another_are_never_two_in_flight() -> None:
    """A client that waits for each answer is counted as one, each time."""
    with ScriptedServer("yes") as server, httpx.Client(base_url=server.base_url) as caller:
        for stream in [False, True] * 100:
            caller.post("/chat/completions", json={"model": "root", "messages": HELLO, "stream": stream})
            assert server.in_flight == 0
    assert server.in_flight_max == 1
    assert server.count() == 200


def test_a_stream_costs_no_more_than_its_bytes() -> None:
    """The pieces of a stream leave at once; with Nagle's algorithm on, 50 streams took 2.2 s."""
    with ScriptedServer("yes " * 50) as server, httpx.Client(base_url=server.base_url) as caller:
        start = time.monotonic()
        for _ in range(50):
            caller.post("/chat/completions", json={"model": "root", "messages": HELLO, "stream": True})
        assert time.monotonic() - start < 1.5


def test_latency_is_fixed_or_by_function_and_a_reply_goes_before_it() -> None:
    """The delay of a reply replaces the server's latency, which may depend on the request."""

    def latency(request: Request) -> float:
        return 0.15 if request.model == "slow" else 0.0

    def seconds(model: str) -> float:
        start = time.monotonic()
        ask(server, model)
        return time.monotonic() - start

    script = {"slow": ["a", Reply(text="b", delay_s=0)], "fast": Reply(text="c", delay_s=0.15)}
    with ScriptedServer(script, latency_s=latency) as server:
        assert seconds("slow") >= 0.15
        assert server.chat_model("slow").invoke("?").text == "b"
        assert seconds("fast") >= 0.15


def test_two_servers_run_at_once_and_leave_nothing_behind() -> None:
    """Each has its own port and log; after the end no thread and no open socket is left."""
    threads_before = set(threading.enumerate())
    with ScriptedServer("first") as first, ScriptedServer("second") as second:
        assert first.base_url != second.base_url
        assert [ask(first), ask(second), ask(first)] == ["first", "second", "first"]
    assert (first.count(), second.count()) == (2, 1)
    assert set(threading.enumerate()) == threads_before
    first.close()  # again, which does nothing
    gc.collect()  # an unclosed socket would warn here, and warnings are errors
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first.base_url}/models")


def test_a_server_that_closes_while_clients_connect_leaves_no_socket_open() -> None:
    """Connections that are just being accepted are closed too (`asyncio.Server` left them open)."""

    def connect_until_closed(address: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            while True:
                socket.create_connection(address, timeout=5).close()

    for _ in range(4):
        with ScriptedServer("yes") as server:
            threads = [
                threading.Thread(target=connect_until_closed, args=(("127.0.0.1", port(server)),)) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.02)
        for thread in threads:
            thread.join()
    gc.collect()  # an unclosed socket would warn here


def test_a_server_is_started_once() -> None:
    """The base URL is known from the start on, and a second start is refused."""
    server = ScriptedServer("yes")
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = server.base_url
    with server, pytest.raises(RuntimeError, match="make a new one"):
        server.start()


def test_the_port_can_be_chosen() -> None:
    """A port that is taken is an error of the caller's thread."""
    with ScriptedServer("yes") as server, pytest.raises(OSError, match="in use"):
        ScriptedServer("no", port=port(server)).start()


def test_the_server_needs_the_standard_library_only() -> None:
    """Importing the test double brings in no LangGraph, LangChain or HTTP package."""
    heavy = {"langgraph", "langchain_core", "httpx", "openai", "pydantic"}
    code = f"import sys, rlm_graph.testing; print({heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


# Hand-played


class Person(threading.Thread):
    """Somebody who reads each request in a folder and writes a reply."""

    def __init__(self, folder: Path, replies: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.replies = replies
        self.read: dict[str, str] = {}

    def run(self) -> None:
        while self.replies:
            for name in [name for name in self.replies if (self.folder / f"{name}.request.txt").exists()]:
                self.read[name] = (self.folder / f"{name}.request.txt").read_text(encoding="utf-8")
                (self.folder / f"{name}.reply.txt").write_text(self.replies.pop(name), encoding="utf-8")
            time.sleep(0.01)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Person]]:
    people: list[Person] = []

    def play(replies: dict[str, str]) -> Person:
        people.append(Person(tmp_path, replies))
        people[-1].start()
        return people[-1]

    yield play
    for each in people:
        each.replies.clear()
        each.join()


def test_a_person_plays_root_and_sub_model(tmp_path: Path, person: Callable[[dict[str, str]], Person]) -> None:
    """The request file is what a model would see; the reply file is the reply, without its last line end."""
    player = person({"0001-root": "```repl\nFINAL(1)\n```\n", "0002-vendor-sub-7b": "\n"})
    lines: list[str] = []
    with HandPlayedServer(tmp_path, report=lines.append) as server:
        root = server.chat_model("root", temperature=0.6, max_tokens=99)
        reply = root.invoke([SystemMessage("Write code.\r\nBe brief."), HumanMessage("How many?")])
        empty = server.chat_model("vendor/sub:7b").invoke("Nothing?")
    assert reply.text == "```repl\nFINAL(1)\n```"
    assert empty.text == ""
    ruler = "=" * 8
    assert player.read["0001-root"].replace("=" * 60, "") == (
        "model: root\nmax_completion_tokens: 99\nstream: false\ntemperature: 0.6\n"
        f"{ruler} system {'=' * 24}\nWrite code.\nBe brief.\n{ruler} user {'=' * 26}\nHow many?\n"
    )
    assert (tmp_path / "0001-root.request.txt").read_bytes().count(b"\r\n") == 1
    assert len(lines) == 2
    assert lines[0].startswith("0001-root.request.txt: ")
    assert lines[0].endswith("write the reply to 0001-root.reply.txt")


def test_a_request_file_shows_tools_and_their_results(
    tmp_path: Path, person: Callable[[dict[str, str]], Person]
) -> None:
    """Whatever else a model sees is there as JSON: tool calls, their results, images, tools."""
    player = person({"0001-root": "ok"})
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "data:..."}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain \ud83d"},
    ]
    body = {
        "model": "root",
        "messages": messages,
        "tools": [{"type": "function", "function": {"name": "weather"}}],
    }
    with HandPlayedServer(tmp_path) as server:
        httpx.post(f"{server.base_url}/chat/completions", content=json.dumps(body), timeout=10)
    text = player.read["0001-root"]
    assert f"Look:\n{json.dumps(image)}\n" in text
    assert f" assistant {'=' * 81}\n{json.dumps([call])[1:-1]}\n" in text
    assert f" tool c1 {'=' * 83}\nrain \\ud83d\n" in text
    assert 'tools: [{"type": "function", "function": {"name": "weather"}}]\n' in text


def test_a_reply_is_read_when_it_is_complete(tmp_path: Path) -> None:
    """A file that is still being written is waited for, and an empty one is not a reply yet."""
    reply_file = tmp_path / "0001-root.reply.txt"

    def write_slowly() -> None:
        wait_until((tmp_path / "0001-root.request.txt").exists)
        reply_file.touch()
        time.sleep(0.5)
        with reply_file.open("a") as file:
            for word in ("one ", "two ", "three"):
                file.write(word)
                file.flush()
                time.sleep(0.15)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    with HandPlayedServer(tmp_path) as server:
        assert ask(server) == "one two three"
    writer.join()


def test_requests_are_numbered_on_and_one_model_can_be_code(
    tmp_path: Path, person: Callable[[dict[str, str]], Person]
) -> None:
    """An old reply in the folder is never taken for a new one, and a script may be partly by hand."""
    (tmp_path / "0007-root.request.txt").write_text("old")
    (tmp_path / "0008-root.reply.txt.bak").write_text("not a reply")
    person({"0008-root": "by hand"})
    with ScriptedServer({"root": HandPlayer(tmp_path), "sub": "by code"}) as server:
        assert [ask(server, "root"), ask(server, "sub")] == ["by hand", "by code"]


def test_a_reply_that_never_comes_is_a_clear_error(tmp_path: Path) -> None:
    """After the timeout the client gets an error that names the file, once, and the terminal says so."""
    lines: list[str] = []
    with HandPlayedServer(tmp_path, timeout_s=0.2, report=lines.append) as server:
        with client(server, max_retries=2) as caller, pytest.raises(openai.InternalServerError) as caught:
            caller.chat.completions.create(model="root", messages=[{"role": "user", "content": "?"}])
        assert server.count() == 1
    assert f"nobody wrote {tmp_path / '0001-root.reply.txt'} within 0.2 s" in str(caught.value)
    assert "nobody wrote" in lines[-1]


def test_a_reply_that_is_no_text_is_a_clear_error(tmp_path: Path) -> None:
    """A file in another encoding is named in the error."""
    (tmp_path / "0001-root.reply.txt").write_bytes(b"K\xf6ln")
    with (
        HandPlayedServer(tmp_path) as server,
        pytest.raises(openai.InternalServerError, match="is not UTF-8 text"),
    ):
        ask(server)


def test_a_client_that_no_longer_waits_is_reported(tmp_path: Path) -> None:
    """The person learns that a reply is no longer wanted."""
    lines: list[str] = []
    with HandPlayedServer(tmp_path, report=lines.append) as server:
        with client(server, timeout=0.2) as caller, pytest.raises(openai.APITimeoutError):
            caller.chat.completions.create(model="root", messages=[{"role": "user", "content": "?"}])
        wait_until(lambda: lines[-1] == "0001-root: the client no longer waits for a reply")


def test_the_command_serves_until_ctrl_c(tmp_path: Path, person: Callable[[dict[str, str]], Person]) -> None:
    """`python -m rlm_graph.testing FOLDER` prints its URL and one line per request, and ends without a traceback."""
    person({"0001-root": "from the shell"})
    command = [sys.executable, "-W", "error", "-m", "rlm_graph.testing", str(tmp_path), "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().removeprefix("base URL: ").strip()
        body = {"model": "root", "messages": HELLO}
        answer = httpx.post(f"{base_url}/chat/completions", json=body, timeout=10).json()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert answer["choices"][0]["message"]["content"] == "from the shell"
    assert out.splitlines()[0].startswith("0001-root.request.txt")
    assert out.splitlines()[-1] == "closed"
    assert (err, process.returncode) == ("", 0)


def test_the_command_says_why_it_cannot_serve(tmp_path: Path) -> None:
    """A port that is taken is one line and exit code 1."""
    with ScriptedServer("yes") as server:
        command = [sys.executable, "-m", "rlm_graph.testing", str(tmp_path), "--port", str(port(server))]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert ran.returncode == 1
    assert ran.stderr.startswith("cannot serve: ")
    assert ran.stderr.count("\n") == 1
