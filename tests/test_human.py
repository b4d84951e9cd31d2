"""A person in the loop: cells are approved, edited or rejected, money is released, questions are answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripts import code, echo, thread

from rlm_graph import ConfigError, Price, RLMConfig
from rlm_graph.human import BadDecisionError, CellsDecision, Request, SpendDecision, decisions
from rlm_graph.testing import Reply, Usage
from rlm_graph.testing import Request as Asked

MakeRLM = Callable[..., Any]


def waiting(result: dict[str, Any]) -> list[Request]:
    """What a run that was interrupted waits for."""
    (interrupt,) = result["__interrupt__"]
    requests: list[Request] = interrupt.value["rlm_requests"]
    return requests


def asked(rlm: Any, model: str) -> list[str]:
    """The prompts that a model was sent, sorted."""
    return sorted(request.text for request in rlm.server.requests if request.model == model)


def test_a_cell_waits_until_it_is_approved(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """Nothing of it runs before, and the root model is asked once."""
    if checkpointer is None:
        pytest.skip("a run that waits needs a checkpointer")
    rlm = make_rlm([code("FINAL(llm_query('p'))")], config=RLMConfig(approve_cells=True), checkpointer=checkpointer)
    config = thread()
    (request,) = waiting(rlm.invoke({"query": "q", "context": "c"}, config))
    assert (request["kind"], request["cells"]) == ("approve_cells", ["FINAL(llm_query('p'))"])
    assert asked(rlm, "sub") == []
    result = rlm.invoke(Command(resume="approve"), config)
    assert (result["answer"], result["status"]) == ("sub", "complete")
    assert len(rlm.server.requests) == 2


def test_a_cell_can_be_edited(make_rlm: MakeRLM) -> None:
    """The edited code runs in its place, and the root model is told so."""
    rlm = make_rlm(
        [code("x = 1"), code("FINAL(x)")], config=RLMConfig(approve_cells=True), checkpointer=InMemorySaver()
    )
    config = thread()
    rlm.invoke({"query": "q", "context": "c"}, config)
    rlm.invoke(Command(resume={"action": "edit", "cells": ["x = 41 + 1\nprint(x)"]}), config)
    result = rlm.invoke(Command(resume=True), config)
    assert result["answer"] == "42"
    assert any("edited your code" in str(message.content) for message in result["messages"])


def test_what_a_person_was_asked_is_theirs_to_decide(make_rlm: MakeRLM) -> None:
    """Also where the run that brings the decision has left out the setting that made the cell wait."""
    rlm = make_rlm([code("FINAL(llm_query('p'))"), code("FINAL('other')")], checkpointer=InMemorySaver())
    config = thread()
    rlm.invoke({"query": "q", "context": "c"}, config, context=RLMConfig(approve_cells=True))
    result = rlm.invoke(Command(resume="reject"), config)
    assert (result["answer"], asked(rlm, "sub")) == ("other", [])


def test_a_cell_can_be_rejected(make_rlm: MakeRLM) -> None:
    """It does not run; the reason goes to the root model, and the run goes on."""
    rlm = make_rlm(
        [code("x = 1\nprint('ran')"), code("FINAL('x' in globals())")],
        config=RLMConfig(approve_cells=True),
        checkpointer=InMemorySaver(),
    )
    config = thread()
    rlm.invoke({"query": "q", "context": "c"}, config)
    rlm.invoke(Command(resume={"action": "reject", "reason": "not this way"}), config)
    result = rlm.invoke(Command(resume=True), config)
    assert result["answer"] == "False"
    assert any("not this way" in str(message.content) for message in result["messages"])


def test_the_code_asks_the_user(make_rlm: MakeRLM) -> None:
    """In the middle of a cell, with sub-calls behind it, which are not paid again; the cell runs once to its end."""
    program = (
        "done = [llm_query(f'before {i}') for i in range(3)]\n"
        "try:\n    name = ask_user('Whose?')\nexcept BaseException as error:\n    name = repr(error)\n"
        "FINAL([*done, name, llm_query('after ' + name)])"
    )
    rlm = make_rlm(
        [code(program)],
        echo,
        config=RLMConfig(ask_user=True),
        checkpointer=InMemorySaver(),
    )
    config = thread()
    (request,) = waiting(rlm.invoke({"query": "q", "context": "c"}, config))
    assert (request["kind"], request["text"]) == ("ask_user", "Whose?")
    assert asked(rlm, "sub") == ["before 0", "before 1", "before 2"]
    result = rlm.invoke(Command(resume="Ann's"), config)
    assert result["answer"] == '["re:before 0", "re:before 1", "re:before 2", "Ann\'s", "re:after Ann\'s"]'
    assert asked(rlm, "sub") == ["after Ann's", "before 0", "before 1", "before 2"]
    assert (result["sub_calls"], result["requests"]) == (4, 5)


def test_questions_from_threads_get_their_own_answers(make_rlm: MakeRLM) -> None:
    """Asked in any order, in several rounds: an answer never lands at another question."""
    program = (
        "import threading, random\nout = {}\n"
        "def work(i):\n"
        "    first = ask_user(f'question {i}')\n"
        "    out[i] = [first, llm_query(f'about {first}'), ask_user(f'more about {first}')]\n"
        "threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]\nFINAL([out[i] for i in range(5)])"
    )
    rlm = make_rlm(
        [code(program)],
        echo,
        config=RLMConfig(ask_user=True),
        checkpointer=InMemorySaver(),
    )
    config, rounds = thread(), 0
    result = rlm.invoke({"query": "q", "context": "c"}, config)
    while "__interrupt__" in result:
        rounds += 1
        requests = waiting(result)
        reply: Any = {request["id"]: f"<{request['text']}>" for request in reversed(requests)}
        result = rlm.invoke(Command(resume=reply), config)
    expected = [[f"<question {i}>", f"re:about <question {i}>", f"<more about <question {i}>>"] for i in range(5)]
    assert result["answer"] == str(expected).replace("'", '"')
    assert rounds >= 2
    assert asked(rlm, "sub") == sorted(f"about <question {i}>" for i in range(5))


def test_a_person_releases_money(make_rlm: MakeRLM) -> None:
    """Before the run costs more than it may; what was paid is not paid again."""

    def costly(request: Asked) -> Reply:
        return Reply(text=echo(request), usage=Usage(100_000, 0))

    program = "out = []\nfor i in range(6):\n    out.append(llm_query(f'{i}'))\nFINAL(out)"
    rlm = make_rlm(
        [code(program)],
        costly,
        config=RLMConfig(approve_above_usd=0.35, run_ahead=False, sub_max_tokens=1, root_max_tokens=1),
        prices={"sub": Price(1, 1), "root": Price(0, 0)},
        checkpointer=InMemorySaver(),
    )
    config = thread()
    result = rlm.invoke({"query": "q", "context": "c"}, config)
    (request,) = waiting(result)
    assert request["kind"] == "approve_spend"
    assert request["spent_usd"] == pytest.approx(0.4)  # the fourth call's input could not be foretold
    result = rlm.invoke(Command(resume={"approve": True, "up_to_usd": 5.0}), config)
    assert result["answer"] == str([f"re:{i}" for i in range(6)]).replace("'", '"')
    assert result["cost_usd"] == pytest.approx(0.6)
    assert asked(rlm, "sub") == [str(i) for i in range(6)]


def test_no_more_money_ends_the_run_with_the_best_answer(make_rlm: MakeRLM) -> None:
    """As any other budget that runs out."""
    program = "out = []\nfor i in range(6):\n    out.append(llm_query(f'{i}'))\nFINAL(out)"
    rlm = make_rlm(
        [code(program), code("FINAL(out)")],
        lambda request: Reply(text="a", usage=Usage(100_000, 0)),
        config=RLMConfig(approve_above_usd=0.35, run_ahead=False, sub_max_tokens=1, root_max_tokens=1),
        prices={"sub": Price(1, 1), "root": Price(0, 0)},
        checkpointer=InMemorySaver(),
    )
    config = thread()
    rlm.invoke({"query": "q", "context": "c"}, config)
    result = rlm.invoke(Command(resume=False), config)
    assert (result["answer"], result["status"]) == ('["a", "a", "a", "a"]', "out_of_budget")
    assert (result["answered_by"], result["exhausted"]) == ("forced", "approve_above_usd")


def test_a_bad_decision_is_asked_for_again(make_rlm: MakeRLM) -> None:
    """With what was wrong with it; the run is not lost."""
    rlm = make_rlm([code("FINAL(1)")], config=RLMConfig(approve_cells=True), checkpointer=InMemorySaver())
    config = thread()
    rlm.invoke({"query": "q", "context": "c"}, config)
    result = rlm.invoke(Command(resume={"action": "maybe"}), config)
    (interrupt,) = result["__interrupt__"]
    assert "maybe" in interrupt.value["error"]
    assert rlm.invoke(Command(resume="approve"), config)["answer"] == "1"
    assert len(rlm.server.requests) == 1


def test_a_child_asks_the_user(make_rlm: MakeRLM) -> None:
    """From any depth, through its parent; nothing in it is paid again."""

    def play(request: Asked) -> str:
        if "for the child" in str(request.messages):
            return code("FINAL(llm_query('looked') + ask_user('Which?'))")
        return "re:" + request.text

    rlm = make_rlm(
        [code("FINAL([rlm_query('a question for the child', context='part'), llm_query('x')])")],
        play,
        config=RLMConfig(ask_user=True, max_recursion_depth=2),
        checkpointer=InMemorySaver(),
    )
    config = thread()
    (request,) = waiting(rlm.invoke({"query": "q", "context": "c"}, config))
    assert request["text"] == "Which?"
    result = rlm.invoke(Command(resume=" that one"), config)
    assert result["answer"] == '["re:looked that one", "re:x"]'
    assert len(rlm.server.requests) == 4  # the root's, the child's, and one for each of the two questions


@pytest.mark.parametrize("setting", [{"ask_user": True}, {"approve_cells": True}, {"approve_above_usd": 1.0}])
def test_without_a_checkpointer_nobody_can_be_waited_for(make_rlm: MakeRLM, setting: dict[str, Any]) -> None:
    """That is said at the beginning, and not when the run would have to wait."""
    rlm = make_rlm([code("FINAL(1)")], config=RLMConfig(**setting))
    with pytest.raises(ConfigError, match="checkpointer"):
        rlm.invoke({"query": "q", "context": "c"})


CELLS: Request = {"id": "a", "kind": "approve_cells", "text": "", "cells": ["x = 1"]}
SPEND: Request = {"id": "b", "kind": "approve_spend", "text": "", "spent_usd": 0.9, "limit_usd": 1.0}
QUESTION: Request = {"id": "c", "kind": "ask_user", "text": "Who?"}


@pytest.mark.parametrize(
    ("requests", "value", "expected"),
    [
        ([CELLS], True, {"a": CellsDecision(("x = 1",))}),
        ([CELLS], {"decisions": [{"type": "approve"}]}, {"a": CellsDecision(("x = 1",))}),
        ([CELLS], {"action": "edit", "cells": ["y"]}, {"a": CellsDecision(("y",), edited=True)}),
        ([CELLS], "reject", {"a": CellsDecision((), rejected="no reason was given")}),
        ([SPEND], True, {"b": SpendDecision(2.0)}),
        ([SPEND], {"approve": True, "up_to_usd": 7}, {"b": SpendDecision(7.0)}),
        ([SPEND], False, {"b": SpendDecision(None)}),
        ([QUESTION], "Ann", {"c": "Ann"}),
        ([QUESTION, SPEND], {"c": "Ann", "b": False}, {"c": "Ann", "b": SpendDecision(None)}),
    ],
)
def test_decisions_are_read(requests: list[Request], value: Any, expected: Any) -> None:
    """One for the only request, or one for each."""
    assert decisions(requests, value) == expected


@pytest.mark.parametrize(
    ("requests", "value"),
    [
        ([CELLS], None),
        ([CELLS], {"action": "edit", "cells": []}),
        ([CELLS], {"action": "edit", "cells": "x"}),
        ([SPEND], {"approve": True, "up_to_usd": 0.5}),
        ([SPEND], "perhaps"),
        ([QUESTION], 7),
        ([QUESTION, SPEND], "Ann"),
        ([QUESTION, SPEND], {"c": "Ann"}),
    ],
)
def test_anything_else_is_refused(requests: list[Request], value: Any) -> None:
    """With the value, and what was expected."""
    with pytest.raises(BadDecisionError, match="expected"):
        decisions(requests, value)
