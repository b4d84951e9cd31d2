"""The chat model for prompts of any length: LangChain's standard tests, long prompts, structured output, kills."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agent_lives
import pytest
from agent_lives import Held, Life, Lives, asked_again, chain
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import BaseModel, ValidationError
from scripts import code, thread, turns

from rlm_graph import (
    BudgetExceeded,
    ContextStore,
    ContextTypeError,
    MaxIterationsExceeded,
    ModelServerError,
    RLMConfig,
)
from rlm_graph.agents import ChatRLM
from rlm_graph.agents.long_prompt import take_apart
from rlm_graph.events import read_event
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall, failures


class TestStandardUnit(ChatModelUnitTests):
    """LangChain's standard tests without a server."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatRLM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "openai:gpt-4.1", "api_key": "any"}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {name: value for name, value in super().standard_chat_model_params.items() if name != "api_key"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"OPENAI_API_KEY": "any"}, {"model": "openai:gpt-4.1"}, {"model": "openai:gpt-4.1"}


def value_for(schema: dict[str, Any]) -> Any:
    """A value that fits a JSON Schema."""
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"anyOf": [first, *_]}:
            return value_for(first)
        case {"type": "object"}:
            return {name: value_for(each) for name, each in schema.get("properties", {}).items()}
        case {"type": "array"}:
            return [value_for(schema["items"])]
        case {"type": "integer" | "number"}:
            return 3
    return "a text 你好 こんにちは"


def obedient(request: Request) -> Reply | str:
    """A model that does what the standard tests ask of one: it calls a tool that is new to it, and then talks."""
    last = request.messages[-1]
    tools = request.body.get("tools", [])
    choice = request.body.get("tool_choice", "auto")
    if tools and (last["role"] != "tool" or choice not in ("auto", None)):
        named = choice["function"]["name"] if isinstance(choice, dict) else None
        function = next(tool["function"] for tool in tools if named in (None, tool["function"]["name"]))
        return Reply(tool_calls=[ToolCall(function["name"], value_for(function["parameters"]))])
    stops = request.body.get("stop") or []
    return "hello" if stops else "hello, this is an answer of some length"


class TestStandardIntegration(ChatModelIntegrationTests):
    """LangChain's standard tests, against a server.

    Left out, because they fetch files from the web: images, PDFs and sounds, which pass through to the root model in
    short prompts; json mode, because structured output always goes through a tool.
    """

    server: ScriptedServer

    @pytest.fixture(autouse=True)
    def _serve(self, serve: Callable[..., ScriptedServer]) -> None:
        self.server = serve(obedient)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatRLM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        address = {"base_url": self.server.base_url, "api_key": "any", "stream_usage": True}
        return {"model": "openai:root", **address, "default_headers": {"Connection": "close"}}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {}

    @property
    def model_override_value(self) -> str | None:
        return "another"


# Long prompts. ------------------------------------------------------------------------------------------------------

LONG = "\n".join(f"line {number} of a long text" for number in range(5_000))

lives = agent_lives.lives

THREAD = thread("chat")


@pytest.fixture
def make(serve: Callable[..., ScriptedServer], store: ContextStore) -> Callable[..., tuple[ChatRLM, ScriptedServer]]:
    """Makes a model, and the server that plays the models in it."""

    def make(root: Any, sub: Any = "sub", **options: Any) -> tuple[ChatRLM, ScriptedServer]:
        server = serve({"root": root, "sub": sub})
        models = {"model": server.chat_model("root"), "sub_model": server.chat_model("sub")}
        return ChatRLM(**{**models, "context_store": store, "long_above_chars": 10_000, **options}), server

    return make


Make = Callable[..., tuple[ChatRLM, ScriptedServer]]


def test_the_short_paragraphs_around_a_long_text_are_the_question(make: Make) -> None:
    """They stay word for word; the REPL has the whole text; no request is long."""
    prompt = f"Count the lines of this.\n\n{LONG}\n\nAnswer with a number."
    model, server = make(code("FINAL(sum(line.startswith('line') for line in context.splitlines()))"))
    assert model.invoke(prompt).content == "5000"
    (request,) = server.requests
    assert "Count the lines of this.\n\n[... a text of" in request.text
    assert "it is whole in `context`]\n\nAnswer with a number." in request.text
    assert len(str(request.messages)) < 20_000


def test_the_ends_of_a_long_text_may_be_no_characters(make: Make) -> None:
    """A lone surrogate, which no request can carry, is U+FFFD in the question; the REPL has it as it is."""
    model, server = make(code("FINAL(context.count('\\ud800'))"))
    assert model.invoke("\ud800 " * 10_000).content == "10000"
    assert "\ufffd \ufffd" in server.requests[0].text


async def test_a_long_prompt_is_answered_in_async_code(make: Make) -> None:
    """With `ainvoke`."""
    model, _ = make(code("FINAL(len(context))"))
    assert (await model.ainvoke(LONG)).content == str(len(LONG))


def test_a_caller_can_say_what_the_question_is(make: Make) -> None:
    """`question=`: then all that is in the prompt is the context; a short prompt is asked it at its end."""
    model, server = make([code("FINAL(context.split()[-1])"), "short"])
    assert model.invoke(f"{LONG}\n\nThe end.", question="How does it end?").content == "end."
    assert "Question: How does it end?" in server.requests[0].text
    assert model.invoke("a text", question="What is it?").content == "short"
    assert [message["content"] for message in server.requests[1].messages] == ["a text", "What is it?"]


def test_a_conversation_keeps_its_short_parts_and_who_said_them() -> None:
    """Its long parts are documents, named after where they stood."""
    messages = [
        SystemMessage("Be brief."),
        HumanMessage("Find the log."),
        AIMessage("", tool_calls=[{"name": "find", "args": {"name": "log"}, "id": "1", "type": "tool_call"}]),
        ToolMessage(LONG, tool_call_id="1"),
        AIMessage("Here it is."),
        HumanMessage([{"type": "text", "text": "And this?"}, {"type": "text", "text": LONG.upper()}]),
    ]
    apart = take_apart(messages)
    assert [(text.name, str(text)) for text in apart.documents] == [
        ("message 3 (result of a tool)", LONG),
        ("message 5 (user)", LONG.upper()),
    ]
    assert apart.question.startswith("Be brief.\n\nuser: Find the log.\n\nassistant: (calls the tool find with ")
    parts = ['{"name": "log"})', "it is whole in `context[0]`]", "assistant: Here it is.", "user: And this?"]
    parts += ["it is whole in `context[1]`]", "[Give the assistant's next message in this conversation.]"]
    places = [apart.question.index(part) for part in parts]
    assert places == sorted(places)


def test_a_conversation_of_many_short_messages_is_a_document_itself() -> None:
    """Its last question and its instructions stay."""
    said = [message for n in range(500) for message in (HumanMessage(f"question {n}"), AIMessage(f"answer {n}"))]
    apart = take_apart([SystemMessage("Be brief."), *said, HumanMessage("And then?")])
    (*_, conversation) = apart.documents
    assert conversation.name == "the conversation"
    assert "user: question 0\n\nassistant: answer 0" in conversation
    assert apart.question.startswith("Be brief.\n\nAnd then?")
    assert len(apart.question) < 500


def test_a_text_without_paragraphs_shows_its_ends() -> None:
    """Where else could the question be."""
    apart = take_apart([HumanMessage(f"What is it? {LONG.replace(chr(10), ' ')} Tell me.")])
    assert apart.question.startswith("What is it? line 0 of")
    assert apart.question.endswith("Tell me.")
    assert len(apart.question) < 1_000


def test_what_is_no_text_cannot_be_in_a_long_prompt(make: Make) -> None:
    """The error names the message; in a short prompt it goes to the root model."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    model, _ = make(["a picture"])
    with pytest.raises(ContextTypeError, match=r"message 0 \(user\) holds a block of type 'image'"):
        model.invoke([HumanMessage([{"type": "text", "text": LONG}, image])])
    assert model.invoke([HumanMessage([{"type": "text", "text": "What is it?"}, image])]).content == "a picture"


def test_usage_is_that_of_all_requests_and_counted_once(make: Make) -> None:
    """In the message: all of them; by callbacks: each for its own model."""
    model, server = make(code("FINAL(llm_query(context[:9]))"))
    handler = UsageMetadataCallbackHandler()
    reply = model.invoke(LONG, config={"callbacks": [handler]})
    total = sum(request.usage.total_tokens for request in server.requests if request.usage)
    assert reply.usage_metadata["total_tokens"] == total
    assert reply.response_metadata["rlm"]["sub_calls"] == 1
    assert sorted(handler.usage_metadata) == ["root", "sub"]
    assert sum(usage["total_tokens"] for usage in handler.usage_metadata.values()) == total


async def test_a_long_prompt_streams_its_answer(make: Make) -> None:
    """Whole: it is a value of the REPL, which nobody types."""
    model, server = make(code("FINAL('an answer')"))
    handler = UsageMetadataCallbackHandler()
    config: Any = {"callbacks": [handler]}
    whole = sum(model.stream(LONG, config), AIMessageChunk(""))
    assert whole.content == "an answer"
    assert "".join([str(chunk.content) async for chunk in model.astream(LONG, config)]) == "an answer"
    asked = [request.usage.total_tokens for request in server.requests if request.usage]
    assert whole.usage_metadata
    assert whole.usage_metadata["total_tokens"] == asked[0]
    assert handler.usage_metadata["root"]["total_tokens"] == sum(asked)


async def test_who_listens_hears_the_run_inside_and_the_answer_once(make: Make) -> None:
    """`astream_events` has it below the model's call; the answer is a token of it, also in an agent's stream."""
    model, _ = make(code("FINAL('an answer')"))
    events = [event async for event in model.astream_events(LONG, version="v2")]
    (told,) = [event for event in events if event["name"] == "ChatRLM" and event["event"] == "on_chat_model_stream"]
    assert told["data"]["chunk"].content == "an answer"
    (inside,) = [event for event in events if event["name"] == "rlm" and event["event"] == "on_chain_start"]
    assert inside["parent_ids"] == [told["run_id"]]
    agent = create_agent(model)
    streamed = [chunk for chunk, about in agent.stream({"messages": LONG}, stream_mode="messages")]
    assert [chunk.text for chunk in streamed] == ["an answer"]
    streamed = [chunk async for chunk, about in agent.astream({"messages": LONG}, stream_mode="messages")]
    assert [chunk.text for chunk in streamed] == ["an answer"]


def test_a_trace_names_the_model_of_each_call_only_there(make: Make) -> None:
    """What LangSmith is told of the call of this model is not said of the run and the tools below it."""
    model, _ = make(code("FINAL(llm_query('part'))"))
    tracer = RunCollectorCallbackHandler()
    model.invoke(LONG, {"callbacks": [tracer], "metadata": {"customer": "c7"}})
    named, left = [], list(tracer.traced_runs)
    for run in left:
        left += run.child_runs
        about = run.extra["metadata"]
        assert about["customer"] == "c7"
        named += [(run.name, about["ls_model_name"])] if "ls_model_name" in about else []
    assert sorted(named) == [("ChatOpenAI", "root"), ("ChatOpenAI", "sub"), ("ChatRLM", "root")]


class Person(BaseModel):
    """Somebody."""

    name: str
    lines: int


@pytest.mark.parametrize("form", ["class", "json schema"])
def test_structured_output_of_a_long_prompt_is_a_value_of_the_repl(make: Make, form: str) -> None:
    """It is checked in the run, and no model types it: a misfit goes back to the code."""
    submitted = [code("FINAL({'name': 'line 0', 'lines': 'many'})"), code("FINAL({'name': 'line 0', 'lines': 5000})")]
    model, server = make(submitted)
    schema: Any = Person if form == "class" else Person.model_json_schema()
    value = model.with_structured_output(schema).invoke(LONG)
    assert value == (Person(name="line 0", lines=5_000) if form == "class" else {"name": "line 0", "lines": 5_000})
    assert [bool(request.body.get("tools")) for request in server.requests] == [False, False]


def test_an_agents_structured_output_of_a_long_prompt_is_a_value_of_the_repl(make: Make) -> None:
    """Where the agent asks the provider for it; where it makes a tool of it, the root model calls that."""

    def root(request: Request) -> Reply | str:
        if request.body.get("tools"):
            return Reply(tool_calls=[ToolCall("Person", {"name": "line 0", "lines": int(request.text.split()[-1])})])
        typed = "JSON Schema" in request.system
        return code("FINAL({'name': 'line 0', 'lines': 5000})" if typed else "FINAL(len(context.splitlines()))")

    model, server = make(root)
    for strategy, requests in ((ProviderStrategy(Person), 1), (ToolStrategy(Person), 2), (Person, 2)):
        asked = server.count("root")
        agent: Any = create_agent(model, response_format=strategy)
        assert agent.invoke({"messages": LONG})["structured_response"] == Person(name="line 0", lines=5_000)
        assert server.count("root") - asked == requests


def test_tools_are_called_with_what_was_found_in_a_long_prompt(make: Make) -> None:
    """The root model gets the question and the RLM's answer, and the tools; the figures are those of both."""

    def send(to: str) -> str:
        """Send it."""
        return f"sent to {to}"

    calls = Reply(tool_calls=[ToolCall("send", {"to": "line 4999"})])
    model, server = make([code("FINAL(context.splitlines()[-1])"), calls])
    reply = model.bind_tools([send]).invoke(f"Send it to the last one.\n\n{LONG}")
    assert [(call["name"], call["args"]) for call in reply.tool_calls] == [("send", {"to": "line 4999"})]
    last = server.requests[-1]
    assert last.text.startswith("Send it to the last one.")
    assert last.text.endswith("and this was found:]\n\nline 4999 of a long text")
    assert len(last.text) < 2_000
    assert reply.usage_metadata["total_tokens"] == sum(r.usage.total_tokens for r in server.requests if r.usage)


@pytest.mark.parametrize(
    ("config", "error"),
    [(RLMConfig(max_iterations=1), MaxIterationsExceeded), (RLMConfig(max_input_tokens=1), BudgetExceeded)],
)
def test_a_long_prompt_without_an_answer_is_an_error(make: Make, config: RLMConfig, error: type[Exception]) -> None:
    """A failure is never a reply."""
    model, _ = make([code("1"), ""], config=config)
    with pytest.raises(error):
        model.invoke(LONG)


def test_arguments_are_checked(make: Make) -> None:
    """Further ones belong to a model that is given by its name."""
    model, server = make("")
    with pytest.raises(ValidationError, match="temperature: not allowed beside a chat model"):
        ChatRLM(model=model, temperature=0.5)
    with pytest.raises(ValidationError, match="long_above_chars: -1"):
        ChatRLM(model=model, long_above_chars=-1)
    named = ChatRLM(model="openai:root", base_url=server.base_url, api_key="any", temperature=0.5)
    assert named._get_ls_params()["ls_temperature"] == 0.5
    assert (named.model_name, model.model_name) == ("root", "root")


def test_a_key_is_shown_nowhere() -> None:
    """What LangChain traces of a model is its `repr`."""
    model = ChatRLM(model="openai:gpt-4.1", api_key="secret")
    for shown in (repr(model), str(dumpd(model)), str(model.model_dump()), str(model._identifying_params)):
        assert "gpt-4.1" in shown
        assert "secret" not in shown


def test_a_changed_copy_keeps_what_the_root_model_was_given(make: Make) -> None:
    """`configurable_fields` makes a model anew from the fields of another."""
    _, server = make(code("FINAL(len(context))"))
    model = ChatRLM(model="openai:root", base_url=server.base_url, api_key="any")
    changeable = model.configurable_fields(long_above_chars=ConfigurableField(id="long"))
    assert changeable.with_config(configurable={"long": 5}).invoke("a text").content == "6"


def test_tokens_are_counted_as_the_root_model_counts_them() -> None:
    """Nobody is sent to a tokenizer of another model."""
    root = FakeListChatModel(responses=[], custom_get_token_ids=lambda text: [len(word) for word in text.split()])
    model = ChatRLM(model=root)
    assert model.get_num_tokens("three short words") == 3
    assert model.get_num_tokens_from_messages([HumanMessage("two words")]) == 3  # and who says them


def test_replies_are_cached_by_prompt_and_question(make: Make) -> None:
    """As any chat model's, long and short."""
    model, server = make(lambda r: code("FINAL(len(context))") if r.system else "short", cache=InMemoryCache())
    for prompt, options in ((LONG, {}), (LONG, {"question": "How long?"}), ("a text", {})):
        asked = server.count("root")
        assert model.invoke(prompt, **options).content == model.invoke(prompt, **options).content
        assert server.count("root") == asked + 1


def test_a_batch_of_long_prompts_gets_each_its_answer(make: Make) -> None:
    """At once."""
    model, _ = make(code("FINAL(len(context))"))
    assert [reply.content for reply in model.batch([LONG, f"{LONG}+"])] == [str(len(LONG)), str(len(LONG) + 1)]


# In graphs. ---------------------------------------------------------------------------------------------------------


def test_middlewares_see_no_window(make: Make) -> None:
    """One that asks how much the model can read is told more than there is."""
    model, _ = make("")
    assert (model.profile or {})["max_input_tokens"] >= 1_000_000_000


async def test_the_same_prompt_twice_in_a_node_is_asked_twice(make: Make) -> None:
    """Two samples are two runs, also at once, and both resume as what they were when one of them has failed."""
    failing = [True]

    def root(request: Request) -> Reply | str:
        if request.model_index == 2 and failing.pop():
            failing.append(False)
            return failures.server_error()
        return code("FINAL(llm_query('sample'))")

    model, server = make(root, lambda r: f"sample {r.model_index}", config=RLMConfig(max_retries=0))

    async def ask(state: MessagesState) -> dict[str, Any]:
        asked = [model.ainvoke([*state["messages"], "?"]) for _ in range(3)]
        replies = await asyncio.gather(*asked, return_exceptions=True)
        for failure in filter(lambda reply: isinstance(reply, Exception), replies):
            raise failure
        return {"messages": [AIMessage(" ".join(sorted(str(reply.text) for reply in replies)))]}

    graph = StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    with pytest.raises(ModelServerError):
        await graph.ainvoke({"messages": LONG}, THREAD)
    result = await graph.ainvoke(None, THREAD)
    assert result["messages"][-1].content == "sample 0 sample 1 sample 2"
    assert server.count("sub") == 3


def test_a_person_is_asked_through_the_agent(make: Make) -> None:
    """The run inside interrupts the agent, and goes on where it was."""
    model, server = make(code("FINAL(llm_query('x') + ask_user('Which?'))"), config=RLMConfig(ask_user=True))
    agent = create_agent(model, checkpointer=InMemorySaver())
    stopped = agent.invoke({"messages": LONG}, THREAD)
    assert stopped["__interrupt__"][0].value["rlm_requests"][0]["text"] == "Which?"
    assert agent.invoke(Command(resume=" one"), THREAD)["messages"][-1].content == "sub one"
    assert (server.count("root"), server.count("sub")) == (1, 1)


def test_the_runs_events_come_through_a_graphs_stream(make: Make) -> None:
    """In mode `custom`."""
    model, _ = make(code("FINAL(1)"))
    agent = create_agent(model)
    events = [read_event(chunk) for chunk in agent.stream({"messages": LONG}, stream_mode="custom")]
    assert [event.type for event in events if event][-1] == "final_answer"


def test_a_long_prompt_survives_a_kill(lives: Lives, serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    """The agent goes on in the middle of its model's reply, in another process."""
    root = turns(code("parts = ['']", chain("a", 0, 1, 2)), code(chain("a", "last"), "FINAL(''.join(parts))"))
    sub = Held("last")
    server = serve({"root": root, "sub": sub})
    life = Life("chat", server.base_url, str(tmp_path), question=f"What is it?\n\n{LONG}")
    assert lives.end_after_a_kill(life, server, sub, asked=4) == "<a 0><a 1><a 2><a last>"
    assert asked_again(server) == ["a last"]


def test_the_example_runs() -> None:
    """It prints an answer and a value."""
    example = Path(__file__).parent.parent / "examples" / "chat_model.py"
    ran = subprocess.run([sys.executable, "-W", "error", example], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Structured output: Meeting(number=" in ran.stdout
