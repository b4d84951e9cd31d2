"""Budgets: one ledger for the tree; what runs out ends the run with the best answer there is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from scripts import code, thread, turns

from rlm_graph import BudgetExceeded, ConfigError, Price, RLMConfig
from rlm_graph.ledger import Budgets, Ledger, Reserved, Usage
from rlm_graph.testing import Reply, Request
from rlm_graph.testing import Usage as Tokens

MakeRLM = Callable[..., Any]


def tokens(number: int) -> Callable[[Request], Reply]:
    """A sub-model whose calls take so many input tokens and one of output."""
    return lambda request: Reply(text=f"re:{request.text}", usage=Tokens(number, 1))


PRICES = {"root": Price(0, 0), "sub": Price(1, 0)}  # a dollar for a million input tokens

LOOP = (
    "out = []\ntry:\n    for i in range(20):\n        out.append(llm_query(str(i)))\nexcept {error} as e:\n    print(e)"
)


@pytest.mark.parametrize("run_ahead", [True, False])
@pytest.mark.parametrize(
    ("settings", "exhausted", "made"),
    [
        ({"max_sub_calls": 7}, "max_sub_calls", 7),
        ({"max_usd": 0.5, "sub_max_tokens": 1}, "max_usd", 5),
        ({"max_output_tokens": 60}, "max_output_tokens", None),
    ],
)
def test_a_budget_that_runs_out(
    make_rlm: MakeRLM, settings: dict[str, Any], exhausted: str, made: int | None, run_ahead: bool
) -> None:
    """An exception in the cell, which the code can catch; then the last question, and the result says which it was."""
    config = RLMConfig(run_ahead=run_ahead, max_concurrency=1, **settings)
    rlm = make_rlm(
        turns(code(LOOP.format(error="BudgetExceeded")), code("FINAL(len(out))")),
        tokens(100_000),
        config=config,
        prices=PRICES,
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["status"], result["exhausted"], result["answered_by"]) == ("out_of_budget", exhausted, "forced")
    calls = sum(request.model == "sub" for request in rlm.server.requests)
    assert int(result["answer"]) == calls == result["sub_calls"]
    if made is not None:
        assert calls == made
    last = next(r for r in reversed(rlm.server.requests) if r.model == "root")
    assert "best answer" in last.messages[-1]["content"]


@pytest.mark.parametrize(
    ("budget", "figure", "limit", "beyond"),
    [
        # Beyond it: what 100 calls in flight could not foretell, whose prompts of a token took 1,000.
        ("max_usd", "cost_usd", 0.2, 0.101),
        ("max_input_tokens", "total_input_tokens", 200_000, 101_000),
        ("max_output_tokens", "total_output_tokens", 500, 0),
        ("max_sub_calls", "sub_calls", 300, 0),
    ],
)
def test_a_thousand_at_once_stay_within_the_budget(
    make_rlm: MakeRLM, budget: str, figure: str, limit: float, beyond: float
) -> None:
    """It is held back before each call: beside others, what the call may come to at most."""
    program = "out = llm_query_batched([str(i) for i in range(1000)], return_errors=True)\nprint(len(out))"
    settings = {"max_sub_calls": 5000, "max_concurrency": 100, "sub_max_tokens": 1, "root_max_tokens": 20}
    rlm = make_rlm(
        turns(code(program), code("FINAL(1)")),
        tokens(1_000),
        config=RLMConfig(**{**settings, budget: limit}),
        prices=PRICES,
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert limit / 2 <= result[figure] <= limit + beyond
    assert result["exhausted"] == budget
    made = sum(request.model == "sub" for request in rlm.server.requests)
    assert made == result["sub_calls"] < 1000


def test_time_runs_out(make_rlm: MakeRLM) -> None:
    """No new call is made; the last question still is."""
    rlm = make_rlm(
        turns(code(LOOP.format(error="BudgetExceeded")), code("FINAL(len(out))")),
        lambda request: Reply(text="a", delay_s=0.3),
        config=RLMConfig(max_seconds=1.5, run_ahead=False),
    )
    started = time.monotonic()
    result = rlm.invoke({"query": "q", "context": "c"})
    assert time.monotonic() - started < 5
    assert (result["status"], result["exhausted"]) == ("out_of_budget", "max_seconds")
    assert 1 <= int(result["answer"]) <= 6


def test_errors_in_a_row_end_the_run(make_rlm: MakeRLM) -> None:
    """One that succeeds begins the count anew."""
    rlm = make_rlm(
        turns(code("1/0"), code("x = 1"), code("1/0"), code("1/0"), code("FINAL('enough')")),
        config=RLMConfig(max_errors_in_a_row=2),
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["answer"], result["exhausted"]) == ("enough", "max_errors_in_a_row")
    assert len(rlm.server.requests) == 5


def test_where_no_budget_is_left_for_a_question_the_draft_is_the_answer(make_rlm: MakeRLM) -> None:
    """What stands in `answer["content"]`."""
    program = "answer['content'] = 'a draft'\nprint(llm_query('x'))"
    rlm = make_rlm(
        turns(code(program)),
        tokens(5_000_000),
        config=RLMConfig(max_usd=1.0, root_max_tokens=1, sub_max_tokens=1),
        prices={"root": Price(1, 1), "sub": Price(1, 1)},
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert (result["answer"], result["status"], result["answered_by"]) == ("a draft", "out_of_budget", "forced")
    assert len(rlm.server.requests) == 2


def test_a_budget_that_is_raised_lets_the_run_go_on(make_rlm: MakeRLM) -> None:
    """On the same thread, from before the last question: with another limit it is not exhausted any more."""
    rlm = make_rlm(
        turns(
            code(LOOP.format(error="BudgetExceeded")),
            code("try:\n    out += [llm_query('more')]\nfinally:\n    FINAL(len(out))"),
        ),
        tokens(10),
        config=RLMConfig(max_sub_calls=5, run_ahead=False),
        checkpointer=InMemorySaver(),
    )
    config = thread("t")
    assert rlm.invoke({"query": "q", "context": "c"}, config)["status"] == "out_of_budget"
    before = next(s for s in rlm.get_state_history(config) if s.next == ("generate_code",) and s.values["iterations"])
    result = rlm.invoke(None, before.config, context=RLMConfig(max_sub_calls=50))
    assert (result["answer"], result["status"], result["exhausted"]) == ("6", "complete", None)


def test_a_limit_of_money_needs_prices(make_rlm: MakeRLM) -> None:
    """An unknown price is not 0."""
    rlm = make_rlm(turns(code("FINAL(1)")), config=RLMConfig(max_usd=1.0))
    with pytest.raises(ConfigError, match="the price of 'root' is not known"):
        rlm.invoke({"query": "q", "context": "c"})


def test_the_root_model_sees_what_is_left(make_rlm: MakeRLM) -> None:
    """In each observation."""
    rlm = make_rlm(
        turns(code("print(llm_query('x'))"), code("FINAL(1)")),
        tokens(250_000),
        config=RLMConfig(max_usd=1.0, max_input_tokens=1_000_000, max_seconds=1000),
        prices=PRICES,
    )
    rlm.invoke({"query": "q", "context": "c"})
    observation = rlm.server.requests[-1].messages[-1]["content"]
    assert "money: $0.75" in observation
    assert "input tokens: 74" in observation
    assert "time: " in observation


def test_children_share_the_budget(make_rlm: MakeRLM) -> None:
    """Their sub-calls, and their root's requests, are in the same ledger."""

    def sub(request: Request) -> str:
        if "REPL" in str(request.messages[0]["content"]):  # a child's root prompt
            return code("out = []\nfor i in range(10):\n    out.append(llm_query(context + str(i)))\nFINAL(len(out))")
        return "a"

    program = (
        "out = rlm_query_batched([f'q{i}' for i in range(3)], [f'part {i} ' for i in range(3)], return_errors=True)\n"
        "print(out)"
    )
    rlm = make_rlm(
        turns(code(program), code("FINAL(str(out))")), sub, config=RLMConfig(max_recursion_depth=2, max_sub_calls=20)
    )
    result = rlm.invoke({"query": "q", "context": "c"})
    assert result["sub_calls"] == 20
    assert (result["status"], result["exhausted"]) == ("out_of_budget", "max_sub_calls")
    assert result["requests"] == len(rlm.server.requests)
    assert ": the run's budget max_sub_calls ran out" in json.dumps(rlm.server.requests[-1].messages)


def test_what_is_held_back_is_counted() -> None:
    """A request alone in flight is made if its input fits; beside others, only if the most it may come to fits too."""
    ledger = Ledger(Budgets(10, input_tokens=100, output_tokens=100))
    first, second = Reserved(40, 90, 0.0), Reserved(40, 20, 0.0)
    assert ledger.reserve(first)
    assert not ledger.reserve(second)
    ledger.release(first)
    ledger.spend(Usage(40, 10))
    assert ledger.reserve(second)
    with pytest.raises(BudgetExceeded, match="max_input_tokens is 100"):
        ledger.reserve(Reserved(70, 1, 0.0))
    assert ledger.exhausted == "max_input_tokens"
