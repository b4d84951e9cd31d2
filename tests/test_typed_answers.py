"""Typed answers: what fits the form is returned as it was asked for, what does not goes back to the root model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, Field, RootModel, field_validator
from scripts import code, observations, thread, turn_of, turns

# On Python 3.11 pydantic takes no other.
from typing_extensions import TypedDict

from rlm_graph import ConfigError, ContextStore, RLMConfig, create_rlm
from rlm_graph.response import MAX_CHARS, Form
from rlm_graph.schema import MisfitError
from rlm_graph.testing import Reply, Request, ScriptedServer

MakeRLM = Callable[..., Any]


class City(BaseModel):
    """A city."""

    name: str
    people: int = Field(ge=0)
    since: date | None = None

    @field_validator("name")
    @classmethod
    def is_a_name(cls, name: str) -> str:
        """What no JSON Schema can say."""
        if not name[:1].isupper():
            raise ValueError("a name begins with a capital letter")
        return name


class Town(TypedDict):
    """A town."""

    name: str
    people: int


@dataclass
class Village:
    """A village."""

    name: str
    people: int = 12


CITY_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["name", "people"],
    "additionalProperties": False,
}
BONN = {"name": "Bonn", "people": 330000}


# --- What there is to ask for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [
        (City, City(name="Bonn", people=330000)),
        (Town, BONN),
        (Village, Village("Bonn", 330000)),
        (CITY_SCHEMA, BONN),
    ],
    ids=["pydantic", "TypedDict", "dataclass", "JSON Schema"],
)
def test_an_answer_comes_in_the_form_that_was_asked_for(make_rlm: MakeRLM, response_format: Any, expected: Any) -> None:
    """An instance of the class, or a dict; the answer is its JSON, and the state holds plain values."""
    rlm = make_rlm([code(f"FINAL({BONN})")], response_format=response_format, checkpointer=InMemorySaver())
    config = thread()
    result = rlm.invoke({"query": "q", "context": "c"}, config)
    assert result["structured_response"] == expected
    assert type(result["structured_response"]) is type(expected)
    assert json.loads(result["answer"]).items() >= BONN.items()
    assert (result["status"], result["messages"][-1].text) == ("complete", result["answer"])
    held = rlm.get_state(config).values["structured_response"]
    assert type(held) is dict
    assert held == json.loads(result["answer"])


def test_every_checkpointer_keeps_it_as_plain_values(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """Without one, the result is the same."""
    rlm = make_rlm([code(f"FINAL({BONN})")], response_format=City, checkpointer=checkpointer)
    config = thread()
    result = rlm.invoke({"query": "q", "context": "c"}, config)
    assert result["structured_response"] == City(**BONN)
    if checkpointer is not None:
        held = rlm.get_state(config).values["structured_response"]
        assert held == {**BONN, "since": None}
        assert type(held) is dict


async def test_async_runs_give_the_same(make_rlm: MakeRLM) -> None:
    """`ainvoke` and `abatch`."""
    rlm = make_rlm(lambda request: code(f"FINAL({BONN})"), response_format=City)
    one = await rlm.ainvoke({"query": "q", "context": "c"})
    two, three = await rlm.abatch([{"query": "q", "context": "c"}] * 2)
    assert one["structured_response"] == two["structured_response"] == three["structured_response"] == City(**BONN)


@pytest.mark.parametrize("strategy", ["ToolStrategy", "ProviderStrategy"])
def test_the_strategies_of_create_agent_are_taken(make_rlm: MakeRLM, strategy: str) -> None:
    """For the schema in them."""
    from langchain.agents import structured_output

    rlm = make_rlm([code(f"FINAL({BONN})")], response_format=getattr(structured_output, strategy)(City))
    assert rlm.invoke({"query": "q", "context": "c"})["structured_response"] == City(**BONN)


@pytest.mark.parametrize(
    ("response_format", "reason"),
    [
        ("json", "must be a class"),
        (5, "must be a class"),
        ([City], "must be a class"),
        ({"type": "no such type"}, "the schema cannot be used"),
        ({"$ref": "https://example.org/x"}, "the schema cannot be used"),
        (Callable[[int], int], "pydantic cannot check it"),
        (object(), "pydantic cannot check it"),
    ],
)
def test_what_is_no_form_is_refused(make_rlm: MakeRLM, response_format: Any, reason: str) -> None:
    """When the graph is made."""
    with pytest.raises(ConfigError, match=f"response_format: .*{reason}"):
        make_rlm([], response_format=response_format)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda schema: {"name": "city", "description": "A city.", "parameters": schema},
        lambda schema: {"name": "city", "strict": True, "schema": schema},
        lambda schema: {"type": "function", "function": {"name": "city", "parameters": schema}},
        lambda schema: {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
    ],
)
def test_the_schema_counts_and_not_what_is_wrapped_around_it(wrap: Callable[[Any], Any]) -> None:
    """As a JSON Schema, what providers take would let any value pass."""
    form = Form(wrap(CITY_SCHEMA))
    assert form.schema == CITY_SCHEMA
    with pytest.raises(MisfitError, match="'people' is a required property"):
        form.read('{"name": "Bonn"}', is_text=False)


def test_a_schema_may_speak_of_schemas() -> None:
    """Only what is nothing but a wrapper is taken off."""
    schema = {"type": "object", "properties": {"schema": {"type": "object"}}, "schema": {"type": "string"}}
    assert Form(schema).read('{"schema": {}}', is_text=False) == {"schema": {}}


def test_without_a_form_nothing_is_typed(make_rlm: MakeRLM) -> None:
    """The answer is text, as ever, and there is no further channel."""
    result = make_rlm([code("FINAL({1, })")]).invoke({"query": "q", "context": "c"})
    assert result["answer"] == "{1}"
    assert not {"structured_response", "citations", "evidence_problems"} & result.keys()


def test_the_root_model_is_told_the_form(make_rlm: MakeRLM) -> None:
    """In the root prompt, without the titles that pydantic adds, and not without a form."""
    rlm = make_rlm([code(f"FINAL({BONN})")], response_format=City)
    rlm.invoke({"query": "q", "context": "c"})
    assert '"people": {"minimum": 0, "type": "integer"}' in rlm.server.requests[0].system
    assert '"title"' not in rlm.server.requests[0].system
    plain = make_rlm([code("FINAL(1)")])
    plain.invoke({"query": "q", "context": "c"})
    assert "JSON Schema" not in plain.server.requests[0].system


# --- What is submitted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "submitted",
    [
        f"FINAL({BONN})",
        f"FINAL({json.dumps(json.dumps(BONN))})",
        f"FINAL('Here it is:\\n```json\\n{json.dumps(BONN)}\\n```')",
        "from pydantic import BaseModel\nclass C(BaseModel):\n    name: str\n    people: int\nFINAL(C(**BONN))",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    name: str\n    people: int\nFINAL(C(**BONN))",
        f"v = {BONN}\nFINAL_VAR('v')",
        "SUBMIT(name='Bonn', people=330000)",
        f"answer['content'] = {BONN}\nanswer['ready'] = True",
        f"Final = {BONN}",
    ],
    ids=["dict", "JSON", "fenced", "pydantic", "dataclass", "FINAL_VAR", "SUBMIT", "answer", "Final"],
)
def test_every_way_to_submit_is_read(make_rlm: MakeRLM, submitted: str) -> None:
    """Values, JSON as text, objects of the cell's own classes."""
    rlm = make_rlm([code(f"BONN = {BONN}\n{submitted}")], response_format=City)
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["structured_response"], result["iterations"]) == (City(**BONN), 1)


@pytest.mark.parametrize(
    "reply",
    [
        f"FINAL({BONN})",
        f"FINAL({json.dumps(BONN)})",
        f"```json\n{json.dumps(BONN)}\n```\nFINAL({json.dumps(BONN)})",
        'FINAL({"name": "Bonn", "people": 330_000})',
    ],
)
def test_a_value_may_be_typed_outside_of_code(make_rlm: MakeRLM, reply: str) -> None:
    """As Python or as JSON."""
    result = make_rlm([reply], response_format=CITY_SCHEMA).invoke({"query": "q", "context": "c"})
    assert (result["structured_response"], result["iterations"]) == (BONN, 1)


def test_what_programs_hand_over_as_lists_are_lists(make_rlm: MakeRLM) -> None:
    """Views of dicts, ranges, sets, queues."""
    values = "[d.keys(), d.values(), d.items(), range(2), {5}, deque([6]), (7,)]"
    rlm = make_rlm(
        [code(f"from collections import deque\nd = {{'a': 1}}\nFINAL({values})")], response_format=list[list]
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert result["structured_response"] == [["a"], [1], [["a", 1]], [0, 1], [5], [6], [7]]


@pytest.mark.parametrize("response_format", [City, CITY_SCHEMA], ids=["pydantic", "JSON Schema"])
def test_what_does_not_fit_goes_back_with_what_is_wrong(make_rlm: MakeRLM, response_format: Any) -> None:
    """As an observation of the cell's own error; its variables are kept, and the run goes on."""
    rlm = make_rlm(
        [
            code("kept = 330000\nFINAL({'name': 'Bonn', 'people': 'many'})"),
            code("FINAL({'name': 'Bonn', 'people': kept})"),
        ],
        response_format=response_format,
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert dict(result["structured_response"]).items() >= BONN.items()
    (observation,) = observations(rlm)
    assert "The answer is not accepted." in observation
    assert "at $.people: " in observation
    assert "kept: int 330000" in observation
    assert (result["status"], result["iterations"]) == ("complete", 2)


def test_the_users_own_validators_count(make_rlm: MakeRLM) -> None:
    """Also those that fail in a way of their own."""

    def broken(value: Any) -> Any:
        return {}["no such key"]

    class Odd(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def check(cls, n: int) -> int:
            return n or broken(n)

    rlm = make_rlm([code("FINAL({'name': 'bonn', 'people': 1})"), code(f"FINAL({BONN})")], response_format=City)
    rlm.invoke({"query": "q", "context": "c"})
    assert "a name begins with a capital letter" in observations(rlm)[0]
    rlm = make_rlm([code("FINAL({'n': 0})"), code("FINAL({'n': 1})")], response_format=Odd)
    assert rlm.invoke({"query": "q", "context": "c"})["structured_response"] == Odd(n=1)
    assert "KeyError: 'no such key'" in observations(rlm)[0]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("float('nan')", "must be a value that JSON has"),
        ("lambda: 1", "function objects are nothing that JSON has"),
        ("{(1, 2): 3}", "must be a value that JSON has"),
        ("1 << 70", "64 are allowed"),
        ("__import__('functools').reduce(lambda v, _: [v], range(300), 1)", "nested more than 100 levels"),
        (f"'x' * {MAX_CHARS}", f"{MAX_CHARS + 2:,} characters"),
    ],
)
def test_what_no_checkpoint_can_hold_is_an_observation(make_rlm: MakeRLM, value: str, reason: str) -> None:
    """With the reason."""
    value = value.replace("__import__('functools')", "functools")
    rlm = make_rlm(
        [code(f"import functools\nFINAL({value})"), code("FINAL(1)")], response_format=int | str | list | float
    )
    assert rlm.invoke({"query": "q", "context": "c"})["structured_response"] == 1
    assert reason in observations(rlm)[0]


def test_any_text_can_be_in_a_value(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """What no database takes becomes U+FFFD, one for one."""
    rlm = make_rlm(
        [code("FINAL({'t': 'a\\x00\\ud800\\U0001f600'})")],
        response_format={"type": "object", "properties": {"t": {"minLength": 4}}},
        checkpointer=checkpointer,
    )
    result = rlm.invoke({"query": "q", "context": "c"}, thread())
    assert result["structured_response"] == {"t": "a\ufffd\ufffd\U0001f600"}


# --- The end of the budget ------------------------------------------------------------------------------------------


def test_the_forced_answer_must_fit_too(make_rlm: MakeRLM) -> None:
    """The last question tells the form; JSON alone will do."""
    rlm = make_rlm(
        ["no code", code("x = 1"), f"Well:\n```json\n{json.dumps(BONN)}\n```"],
        response_format=CITY_SCHEMA,
        config=RLMConfig(max_iterations=1),
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert result["structured_response"] == BONN
    assert (result["status"], result["answered_by"]) == ("out_of_iterations", "forced")
    assert '"required": ["name", "people"]' in observations(rlm)[-1]


def test_a_forced_answer_that_does_not_fit_can_be_mended_once(make_rlm: MakeRLM) -> None:
    """And if it is not, there is none: what does not fit is never an answer."""
    bad = "FINAL({'name': 'Bonn'})"
    settings: dict[str, Any] = {"response_format": CITY_SCHEMA, "config": RLMConfig(max_iterations=1)}
    rlm = make_rlm([code("x = 1"), bad, code(f"FINAL({BONN})")], **settings)
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["structured_response"], result["status"]) == (BONN, "out_of_iterations")
    assert "'people' is a required property" in observations(rlm)[-2]

    rlm = make_rlm([code("x = 1"), bad, code(bad)], **settings)
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["answer"], result["structured_response"], result["status"]) == (None, None, "no_answer")
    told = "gave none that fits the form. What was wrong with the last one: at $: 'people' is a required property"
    assert told in result["messages"][-1].text
    assert len(rlm.server.requests) == 3

    rlm = make_rlm([code("x = 1"), bad, "no value at all"], **settings)
    assert rlm.invoke({"query": "q", "context": "c"})["status"] == "no_answer"


def test_where_no_budget_is_left_a_draft_is_taken_if_it_fits(make_rlm: MakeRLM) -> None:
    """What stands in `answer`."""
    settings: dict[str, Any] = {"response_format": CITY_SCHEMA, "config": RLMConfig(max_input_tokens=4000)}
    for draft, expected in ((BONN, BONN), ({"name": "x"}, None)):
        rlm = make_rlm([code(f"answer['content'] = {draft}\nprint('x' * 100)")] + [code("pass")] * 20, **settings)
        result = rlm.invoke({"query": "q" * 4000, "context": "c"})
        assert result["structured_response"] == expected
        assert result["status"] == ("out_of_budget" if expected else "no_answer")


def test_a_direct_answer_must_fit_and_is_mended_in_the_repl(make_rlm: MakeRLM) -> None:
    """One call that holds the context; what does not fit goes back, and a REPL is there from then on."""
    settings: dict[str, Any] = {"response_format": CITY_SCHEMA, "config": RLMConfig(direct_below_chars=1000)}
    rlm = make_rlm([json.dumps(BONN)], **settings)
    result = rlm.invoke({"query": "Which city?", "context": "Bonn it is."})
    assert (result["structured_response"], result["answered_by"]) == (BONN, "direct")
    assert "JSON Schema" in rlm.server.requests[0].text
    rlm = make_rlm(["It is Bonn.", code(f"FINAL({BONN})")], **settings)
    result = rlm.invoke({"query": "Which city?", "context": "Bonn it is."})
    assert (result["structured_response"], result["answered_by"], result["iterations"]) == (BONN, "submitted", 2)


# --- Threads, forks, streams, children ------------------------------------------------------------------------------


def test_each_question_of_a_thread_has_its_own_value(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """One that comes to no answer has none, and not the last one's."""
    if checkpointer is None:
        pytest.skip("a thread needs a checkpointer")
    rlm = make_rlm(
        [code(f"FINAL({BONN})"), code("FINAL({'name': 'Ulm', 'people': 1})"), *["no"] * 4],
        response_format=Village,
        config=RLMConfig(max_iterations=1),
        checkpointer=checkpointer,
    )
    config = thread()
    assert rlm.invoke({"query": "one", "context": "c"}, config)["structured_response"] == Village("Bonn", 330000)
    assert rlm.invoke({"query": "two"}, config)["structured_response"] == Village("Ulm", 1)
    third = rlm.invoke({"query": "three"}, config)
    assert (third["structured_response"], third["status"]) == (None, "no_answer")


def test_a_fork_goes_its_own_way(make_rlm: MakeRLM) -> None:
    """From before the answer on, to another value."""
    replies = [code("FINAL({'name': 'Bonn'})"), code(f"FINAL({BONN})"), code("FINAL({'name': 'Ulm', 'people': 2})")]
    rlm = make_rlm(replies, response_format=City, checkpointer=InMemorySaver())
    config = thread()
    assert rlm.invoke({"query": "q", "context": "c"}, config)["structured_response"] == City(**BONN)
    refused = next(s for s in rlm.get_state_history(config) if s.next == ("generate_code",) and s.values["iterations"])
    assert rlm.invoke(None, refused.config)["structured_response"] == City(name="Ulm", people=2)


_LIFE = """
import json, sys
from langgraph.checkpoint.sqlite import SqliteSaver
from langchain_openai import ChatOpenAI
from rlm_graph import ContextStore, create_rlm

url, folder, schema = sys.argv[1:]
model = ChatOpenAI(model="root", base_url=url, api_key="x", max_retries=0)
with SqliteSaver.from_conn_string(f"{folder}/checkpoints.sqlite") as saver:
    rlm = create_rlm(
        model, response_format=json.loads(schema), checkpointer=saver, context_store=ContextStore(f"{folder}/store")
    )
    rlm.invoke({"query": "q", "context": "c"}, {"configurable": {"thread_id": "t"}}, durability="sync")
"""


def test_a_run_that_was_killed_after_a_refusal_goes_on(serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    """In another process: the refusal is in its conversation, and what was paid for is not asked again."""
    lives: list[subprocess.Popen[bytes]] = []
    plain = turns(code("kept = 330000\nFINAL({'name': 'Bonn'})"), code("FINAL({'name': 'Bonn', 'people': kept})"))

    def root(request: Request) -> Any:
        if lives[0].poll() is None and turn_of(request):
            os.kill(lives[0].pid, signal.SIGKILL)
            lives[0].wait()
            return Reply(status=500)
        return plain(request)

    server = serve({"root": root})
    command = [sys.executable, "-c", _LIFE, server.base_url, str(tmp_path), json.dumps(CITY_SCHEMA)]
    lives.append(subprocess.Popen(command))
    assert lives[0].wait(60) == -signal.SIGKILL
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        store = ContextStore(tmp_path / "store")
        with create_rlm(
            server.chat_model("root"), response_format=CITY_SCHEMA, checkpointer=saver, context_store=store
        ) as rlm:
            result = rlm.invoke(None, thread("t"))
    assert (result["structured_response"], result["iterations"]) == (BONN, 2)
    assert [len(request.messages) for request in server.requests] == [2, 4, 4]


def test_streams_give_instances_in_their_values(make_rlm: MakeRLM) -> None:
    """However the chunks are wrapped; updates are what is kept."""
    rlm = make_rlm(lambda request: code(f"FINAL({BONN})"), response_format=City)
    given = {"query": "q", "context": "c"}
    *_, last = rlm.stream(given, stream_mode="values")
    assert last["structured_response"] == City(**BONN)
    chunks = list(rlm.stream(given, stream_mode=["values", "updates"]))
    assert [chunk for mode, chunk in chunks if mode == "values"][-1]["structured_response"] == City(**BONN)
    updates = [c for m, c in chunks if m == "updates" and "execute_repl" in c]
    assert updates[0]["execute_repl"]["structured_response"]["name"] == "Bonn"
    *_, (namespace, last) = rlm.stream(given, stream_mode="values", subgraphs=True)
    assert (namespace, last["structured_response"]) == ((), City(**BONN))
    *_, part = rlm.stream(given, stream_mode=["values"], version="v2")
    assert part["data"]["structured_response"] == City(**BONN)
    assert rlm.with_config(tags=["x"]).invoke(given)["structured_response"] == City(**BONN)


def test_a_larger_graph_gets_the_instance(make_rlm: MakeRLM) -> None:
    """As it does from `create_agent`."""

    class State(TypedDict, total=False):
        query: str
        context: str
        structured_response: Any

    rlm = make_rlm([code(f"FINAL({BONN})")], response_format=City)
    builder = StateGraph(State)
    builder.add_node("ask", rlm)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    assert builder.compile().invoke({"query": "q", "context": "c"})["structured_response"] == City(**BONN)


def test_children_answer_freely(make_rlm: MakeRLM) -> None:
    """The form is the run's: a child's answer is text, as the code of its parent expects."""
    rlm = make_rlm(
        [code("part = rlm_query('which?', context='long part')\nFINAL({'name': part.title(), 'people': 3})")],
        [code("FINAL('bonn')")],
        response_format=City,
        config=RLMConfig(max_recursion_depth=2),
    )
    assert rlm.invoke({"query": "q", "context": "c"})["structured_response"] == City(name="Bonn", people=3)
    assert "JSON Schema." not in rlm.server.requests[1].system


# --- Forms alone ----------------------------------------------------------------------------------------------------


class Item(BaseModel):
    """What pydantic converts."""

    price: Decimal
    kind: Annotated[Literal["a", "b"], Field(alias="sort")] = "a"
    tags: frozenset[str] = frozenset()


def test_what_a_class_makes_of_a_value_is_what_is_kept() -> None:
    """With defaults and by alias, so that it is read again to the same."""
    form = Form(Item)
    kept = form.read('{"price": 5, "tags": ["x", "x"]}', is_text=False)
    assert kept == {"price": "5", "sort": "a", "tags": ["x"]}
    assert form.instance(kept) == Item(price=Decimal(5), tags=frozenset("x"))


def test_a_class_that_cannot_be_written_is_kept_as_it_was_given() -> None:
    """What is excluded from its JSON is not lost."""

    class Secretive(BaseModel):
        name: str
        code: int = Field(exclude=True)

    form = Form(Secretive)
    kept = form.read('{"name": "n", "code": 5}', is_text=False)
    assert kept == {"name": "n", "code": 5}
    assert form.instance(kept).code == 5


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    """Another."""

    kind: Literal["dog"]
    friends: list[Cat | Dog] = []


class Tree(BaseModel):
    """What holds its own kind."""

    kids: dict[str, Tree] = {}
    pet: Cat | None = None


class Color(Enum):
    """A choice."""

    RED = "red"


@pytest.mark.parametrize(
    ("given", "submitted", "expected"),
    [
        (Cat | Dog, {"kind": "dog"}, Dog(kind="dog")),
        (Annotated[Cat | Dog, Field(discriminator="kind")], {"kind": "cat"}, Cat(kind="cat")),
        (Dog, {"kind": "dog", "friends": [{"kind": "cat"}]}, Dog(kind="dog", friends=[Cat(kind="cat")])),
        (list[Cat], [{"kind": "cat"}], [Cat(kind="cat")]),
        (dict[int, Cat], {"7": {"kind": "cat"}}, {7: Cat(kind="cat")}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (RootModel[list[int]], [1], RootModel[list[int]]([1])),
        (Tree, {"kids": {"a": {}}}, Tree(kids={"a": Tree()})),
        (Optional[Cat], None, None),  # noqa: UP045 - as users write it
        (Cat | None, {"kind": "cat"}, Cat(kind="cat")),
        (Literal["yes", "no"], "yes", "yes"),
        (int | str, "42", "42"),
        (Color, "red", Color.RED),
        (date, "2024-02-29", date(2024, 2, 29)),
        ({"type": "array", "items": {"enum": ["a", 1, None]}}, ["a", 1, None], ["a", 1, None]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),
        ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}, 5, 5),
    ],
)
def test_a_form_can_be_any_type(given: Any, submitted: Any, expected: Any) -> None:
    """Unions, lists, nested and recursive classes, choices, null; what does not fit does not pass."""
    form = Form(given)
    kept = form.read(json.dumps(submitted), is_text=False)
    assert json.loads(json.dumps(kept)) == kept
    assert form.instance(kept) == expected
    assert type(form.instance(kept)) is type(expected)
    with pytest.raises(MisfitError):
        form.read('{"kind": ["no such kind"], "kids": 5}', is_text=False)


def test_a_null_is_an_answer_where_one_is_asked_for(make_rlm: MakeRLM) -> None:
    """And not the absence of one."""
    rlm = make_rlm([code("FINAL(None)")], response_format=int | None)
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["structured_response"], result["answer"], result["status"]) == (None, "null", "complete")


def test_a_text_is_a_text_where_one_is_wanted() -> None:
    """Also one that looks like JSON."""
    for given in (str, {"type": "string"}):
        form = Form(given)
        assert form.read('"42"', is_text=False) == "42"
        assert form.read("42", is_text=True) == "42"
    assert Form(int).read('"42"', is_text=False) == 42


def test_of_several_values_in_a_text_the_one_that_fits_is_taken() -> None:
    """The last one, if several do."""
    text = f'First {{"x": 1}}, then {json.dumps(BONN)}.'
    assert Form(City).read(text, is_text=True)["name"] == "Bonn"
    assert Form(CITY_SCHEMA).read(text, is_text=True) == BONN
    with pytest.raises(MisfitError, match="should be an object"):
        Form(City).read("Bonn, I think", is_text=True)


def test_a_value_of_an_earlier_form_is_given_as_it_is() -> None:
    """A thread may outlive a class."""
    assert Form(City).instance({"title": "x"}) == {"title": "x"}


def test_what_a_backend_says_is_read_with_care() -> None:
    """A worker that is not ours may send anything in the place of JSON."""
    for submitted in ("{", "9" * 5000, "[" * 100_000, "[" * 101 + "]" * 101):
        with pytest.raises(MisfitError):
            Form(list[Any]).read(submitted, is_text=False)


def test_long_answers_are_checked_in_time() -> None:
    """Ten thousand records, in either way."""
    many = json.dumps([BONN] * 10_000)
    assert len(Form(list[City]).read(many, is_text=False)) == 10_000
    assert len(Form({"type": "array", "items": CITY_SCHEMA}).read(many, is_text=False)) == 10_000
