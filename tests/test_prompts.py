"""What models read: the real numbers, code that works, and bounded views."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rlm_graph import RLMConfig, prompts
from rlm_graph.context import ContextStore
from rlm_graph.parser import parse_reply
from rlm_graph.repl.executor import Done
from rlm_graph.testing import Request

CONFIG = RLMConfig(
    max_iterations=17,
    max_sub_calls=123,
    metadata_prefix_chars=777,
    sub_call_max_input_chars=54_321,
    max_concurrency=9,
    sandbox_timeout=66,
    sub_max_tokens=1_200,
)


def test_the_root_prompt_tells_the_limits_of_this_run() -> None:
    """With their real numbers, and the ones that follow from them."""
    told = prompts.system(CONFIG)
    for words in (
        "17 turns",
        "123 sub-calls in all",
        "first 777 characters",
        "54,321 characters",
        "9 at a time",
        "66 seconds",
    ):
        assert words in told, words
    assert "about 54,321 characters" in told  # no fatter than a prompt may be
    assert "about 30 items" in told  # as many lines as the answer has room for
    assert len(told) < 6000


def test_what_a_run_does_not_have_is_not_taught() -> None:
    """No sub-calls, no children."""
    assert "llm_query" not in prompts.system(RLMConfig(max_sub_calls=0))
    assert "rlm_query" not in prompts.system(RLMConfig())
    assert "rlm_query" in prompts.system(RLMConfig(max_recursion_depth=2))


def test_the_worked_example_works(make_rlm: Callable[..., Any]) -> None:
    """Its code, run as it stands over reviews, counts what the sub-model labels."""
    example = prompts.system(RLMConfig()).split("Example.")[1]
    cells = parse_reply(example).cells
    assert len(cells) == 3

    def label(request: Request) -> str:
        numbered = [part.split(". ", 1) for part in request.text.split("\n\n")[1:]]
        return "\n".join(f"{number}: {'Yes' if 'late' in text else 'no'}" for number, text in numbered)

    rlm = make_rlm([f"```repl\n{cell}\n```" for cell in cells], label)
    reviews = [f"It came {'late' if i % 3 == 0 else 'soon'}, number {i}." for i in range(120)]
    result = rlm.invoke({"query": "In how many ...?", "context": reviews})
    assert (result["answer"], result["sub_calls"]) == ("40", 3)
    assert "120 of 120 labelled; 40 late; 0 unclear" in rlm.server.requests[-1].text


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ("x" * 1234, ["`str`", "1,234 characters", "'xxx"]),
        ([{"id": 1, "body": "x"}] * 3, ["`list` of 3 items", "each item is a dict with the keys 'id', 'body'"]),
        ([{"id": 1}, {"body": "x"}], ["a dict with some of the keys 'id', 'body'"]),
        ([1, "x", [2]], ["its items are `int` or `list` or `str`"]),
        (["a", "bc"], ["`list` of 2 `str`", "3 characters"]),
        ({"k": "v"}, ["`dict` of 1 items", "keys are 'k'", "`str`"]),
    ],
)
def test_the_context_is_described_by_type_and_size(store: ContextStore, context: Any, words: list[str]) -> None:
    """And by how it begins."""
    told = prompts.question("Why?", store.put(context), {})
    assert all(word in told for word in ["Question: Why?", *words]), told


def test_documents_are_described_with_names(store: ContextStore, tmp_path: Any) -> None:
    """The first ones, how many more there are, and what could not be read."""
    for number in range(30):
        (tmp_path / f"{number:02}.txt").write_text("text")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    told = prompts.describe_context(store.put(tmp_path))
    assert "30 documents" in told
    assert "00.txt, 01.txt" in told
    assert "(10 more)" in told
    assert "picture.png" in told


def observe(*outcomes: Done, cells: int | None = None, iterations: int = 1) -> str:
    """The observation of some cells."""
    return prompts.observation(outcomes, cells or len(outcomes), CONFIG, iterations=iterations, sub_calls=3)


def test_an_observation_tells_what_is_left() -> None:
    """Turns and sub-calls, with a warning near the end."""
    assert "Left: 16 of 17 turns, 120 of 123 sub-calls." in observe(Done(stdout="x", stdout_chars=1))
    assert "FINAL" not in observe(Done())
    assert "FINAL" not in observe(Done(stdout="x", stdout_chars=1), iterations=15)
    assert "last turn: the block must call FINAL(value)" in observe(Done(), iterations=16)


def test_an_observation_is_bounded() -> None:
    """However much was printed, set or raised."""
    variables = {f"name_{i}": "str of 5 chars" for i in range(1000)}
    long = {"stdout": "z" * 200_000, "stdout_chars": 5_000_000, "stderr": "W" * 2000, "error": "E" * 8000}
    done = Done(**long, variables=variables, changed=tuple(variables))
    told = observe(done)
    assert told.count("z") == 777
    assert "5,000,000" in told
    assert "980 more" in told
    assert len(told) < 5000


def test_what_a_loop_leaves_behind_is_not_told() -> None:
    """Names of one letter say nothing to the root model."""
    done = Done(variables={"i": "int 1", "_": "int 2", "rows": "list of 3"}, changed=("i", "_", "rows"))
    assert "int 1" not in observe(done)
    assert "int 2" not in observe(done)
    assert "rows: list of 3" in observe(done)


def test_lone_surrogates_are_replaced_and_nothing_else() -> None:
    """JSON over HTTP cannot carry them."""
    assert prompts.sendable("a\ud800b \N{GRINNING FACE} é") == "a\N{REPLACEMENT CHARACTER}b \N{GRINNING FACE} é"
    json.dumps(prompts.sendable("\udfff"), ensure_ascii=False).encode()
