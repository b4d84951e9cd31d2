"""The interface of the original `rlm` package, name by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from rlm_graph import (
    HistoryEntry,
    MaxIterationsExceeded,
    ModelError,
    RLMConfig,
    RLMError,
    RLMEvent,
    RLMResponse,
    RLMWrapper,
)
from rlm_graph.testing import Reply, ScriptedServer

REPLIES = [
    "Look.\n```repl\nn = len(context)\nprint('z' * 3000)\n```",
    "```repl\nr = llm_query_batched(['one', 'two'])\n```",
    "```repl\nFINAL(' '.join(r))\n```",
]


@pytest.fixture
def client(serve: Callable[..., ScriptedServer]) -> Iterator[OpenAI]:
    """An OpenAI client of a server that plays the replies."""
    server = serve({"root": REPLIES, "sub": lambda request: f"<{request.text}>"})
    with OpenAI(api_key="x", base_url=server.base_url) as made:
        made.server = server  # type: ignore[attr-defined]
        yield made


def wrapper(client: Any, **config: Any) -> RLMWrapper:
    """The wrapper as its users make it."""
    return RLMWrapper(client, root_model="root", sub_model="sub", config=RLMConfig(**config))


def test_generate_answers(client: OpenAI) -> None:
    """All fields of the response, with the server's own count of tokens."""
    response = wrapper(client, max_iterations=30, max_sub_calls=1000).generate(query="What?", context=["a", "b"])
    assert isinstance(response, RLMResponse)
    assert response.answer == "<one> <two>"
    assert (response.iterations, response.sub_calls) == (3, 2)
    usage = client.server.usage  # type: ignore[attr-defined]
    assert (response.total_input_tokens, response.total_output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert response.repl_variables == {"n": "2", "r": "['<one>', '<two>']"}
    assert (response.status, response.answered_by) == ("complete", "submitted")


def test_the_history_has_each_step_whole_and_as_shown(client: OpenAI) -> None:
    """Roles, iterations, and both forms of a long output."""
    history = wrapper(client).generate("What?", "text").history
    assert all(isinstance(entry, HistoryEntry) for entry in history)
    assert [(entry.role, entry.iteration) for entry in history] == [
        ("root", 1),
        ("repl_output", 1),
        ("root", 2),
        ("repl_output", 2),
        ("root", 3),
    ]
    assert history[0].content == history[0].truncated_content == REPLIES[0]
    assert history[1].content.count("z") == 3000
    assert history[1].truncated_content.count("z") == 1000


def test_events_tell_the_run_as_it_goes(client: OpenAI) -> None:
    """The original's types, each with its iteration and a preview."""
    events: list[RLMEvent] = []
    wrapper(client).generate("What?", "text", on_event=events.append)
    step = ["iteration_start", "code_generated"]
    assert [event.type for event in events if not event.type.startswith("sub_call")] == [
        *[*step, "code_executed"] * 3,
        "final_answer",
    ]
    assert sorted(event.type for event in events if event.type.startswith("sub_call")) == [
        "sub_call_end",
        "sub_call_end",
        "sub_call_start",
        "sub_call_start",
    ]
    assert {event.iteration for event in events} == {1, 2, 3}
    assert all(isinstance(event.preview, str) and len(event.preview) <= 120 for event in events)
    assert {field.name for field in dataclasses.fields(RLMEvent)} == {"type", "iteration", "preview", "detail"}


def test_an_exception_of_the_callback_ends_the_run(client: OpenAI) -> None:
    """It is the user's own way to stop."""

    def stop(event: RLMEvent) -> None:
        raise KeyError(event.type)

    with pytest.raises(KeyError, match="iteration_start"):
        wrapper(client).generate("What?", "text", on_event=stop)


async def test_agenerate_works_with_both_clients(client: OpenAI) -> None:
    """Sync clients run in threads, async ones in the event loop."""
    server = client.server  # type: ignore[attr-defined]
    assert (await wrapper(client).agenerate("What?", "text")).answer == "<one> <two>"
    async with AsyncOpenAI(api_key="x", base_url=server.base_url) as async_client:
        rlm = RLMWrapper(async_client, root_model="sub", config=RLMConfig(max_iterations=1))
        assert (await rlm.agenerate("What?", "text")).answer.startswith("<There are no turns left")


def test_sub_calls_of_a_sync_client_run_at_once(serve: Callable[..., ScriptedServer]) -> None:
    """As many as `max_concurrency`, not as many as the machine has cores."""
    server = serve({"m": lambda r: Reply(text="x", delay_s=0.3) if r.text == "go" else "```repl\n" + PROGRAM + "\n```"})
    with OpenAI(api_key="x", base_url=server.base_url) as client:
        RLMWrapper(client, root_model="m", config=RLMConfig(max_concurrency=16)).generate("?", "text")
    assert 8 < server.in_flight_max <= 16


PROGRAM = "FINAL(len(llm_query_batched(['go'] * 40)))"


def test_no_answer_is_an_exception(serve: Callable[..., ScriptedServer]) -> None:
    """With how far it came."""
    server = serve(["```repl\nx = 1\n```", ""])
    with OpenAI(api_key="x", base_url=server.base_url) as client, pytest.raises(MaxIterationsExceeded) as raised:
        RLMWrapper(client, config=RLMConfig(max_iterations=1)).generate("?", "text")
    assert (raised.value.iterations, raised.value.max_iterations) == (1, 1)
    assert isinstance(raised.value, RLMError)


def test_errors_of_the_server_are_ours(serve: Callable[..., ScriptedServer]) -> None:
    """Whatever client it is."""
    server = serve([Reply(status=401)])
    with OpenAI(api_key="x", base_url=server.base_url) as client, pytest.raises(ModelError, match="401"):
        RLMWrapper(client).generate("?", "text")


@pytest.mark.parametrize("refused", ["temperature", "max_tokens"])
def test_settings_that_a_model_refuses_are_left_out(serve: Callable[..., ScriptedServer], refused: str) -> None:
    """Or sent under their other name."""
    server = serve(["```repl\nFINAL(1)\n```"], refuses={refused})
    with OpenAI(api_key="x", base_url=server.base_url) as client:
        assert RLMWrapper(client).generate("?", "text").answer == "1"
    assert server.requests[-1].max_tokens == RLMConfig().root_max_tokens


def test_verbose_shows_the_run_on_stderr(client: OpenAI, capfd: pytest.CaptureFixture[str]) -> None:
    """Also to who has set up no logging; never what is in a sub-call."""
    import logging

    logger = logging.getLogger("rlm_graph")
    root_handlers, logging.getLogger().handlers = logging.getLogger().handlers, []
    try:
        wrapper(client, verbose=True).generate("What?", "text")
    finally:
        logging.getLogger().handlers = root_handlers
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
    shown = capfd.readouterr().err
    assert "iteration 1: code_generated" in shown
    assert "<one>" not in shown.replace("final_answer: <one> <two>", "")
