"""Citations: what an answer is said to rest on is looked up in the context, and what is not there is not believed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from scripts import code, observations, thread

from rlm_graph import ContextStore, RLMConfig, load_context
from rlm_graph.acceptance import MAX_REFUSALS
from rlm_graph.context.document import Document
from rlm_graph.repl import told, wire
from rlm_graph.repl.evidence import MAX_CHARS, MAX_CITED_CHARS, MAX_ITEMS, Texts
from rlm_graph.repl.executor import Citation, Done, Evidence, Functions
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.snapshot_store import SnapshotStore

MakeRLM = Callable[..., Any]

CITED = RLMConfig(citations=True)

LETTERS = ["Dear Anna,\nthe roof leaks.\nBert", "Dear Bert,\nI know;\n\tthe  roof\u00a0leaks. Anna", "Nothing here."]
TREE = {"a": "text", "b/~": ["", {"c": "the text"}]}


def places(context: Any, evidence: Any) -> list[tuple[Any, ...]]:
    """Document, start, end and occurrences of evidence that is all there."""
    found = Texts(context).look_up(evidence)
    assert found["problems"] == []
    return [(document, start, end, times) for document, _, start, end, _, times in found["citations"]]


def problem(context: Any, piece: Any) -> str:
    """What is said of a piece of evidence that is not accepted."""
    found = Texts(context).look_up([piece])
    assert found["citations"] == []
    (what,) = found["problems"]
    return str(what)


# --- Looking up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "evidence", "expected"),
    [
        ("one two one", ["one"], [(0, 0, 3, 2)]),
        ("one two one", "two", [(0, 4, 7, 1)]),
        ("one two one", [(4, 7)], [(0, 4, 7, 1)]),
        ("one two one", [("a.txt", "two"), (-1, 0, 3)], [(0, 4, 7, 1), (0, 0, 3, 1)]),
        ("one two one", (4, 7), [(0, 4, 7, 1)]),
        ("one two one", [(0, 4, 7), {"start": 8, "end": 11}], [(0, 4, 7, 1), (0, 8, 11, 1)]),
        (LETTERS, ["the roof leaks"], [(0, 11, 25, 1)]),
        (LETTERS, ["roof  leaks"], [(0, 15, 25, 2)]),
        (LETTERS, [(1, "the roof leaks"), (-1, "here")], [(1, 20, 35, 1), (2, 8, 12, 1)]),
        (LETTERS, [LETTERS[2], 2, {"document": 2}, (2, 0, 13)], [(2, 0, 13, 1)]),
        (LETTERS, [{"document": 1, "text": "I know"}, {"quote": "Bert\n"}], [(1, 11, 17, 1), (0, 27, 31, 2)]),
        (LETTERS, [], []),
        ([Document("alpha", "a.txt"), Document("beta beta", "b.txt")], ["beta"], [(1, 0, 4, 2)]),
        ([Document("x beta", "a.txt"), Document("beta", "b.txt")], [("b.txt", "beta")], [(1, 0, 4, 1)]),
        (
            [Document("x beta", "a.txt")],
            [("a.txt", 2, 6), {"name": "a.txt", "text": "x"}],
            [(0, 2, 6, 1), (0, 0, 1, 1)],
        ),
        (TREE, ["the text"], [("/b~1~0/1/c", 0, 8, 1)]),
        (TREE, [("b/~", "text"), ("a", 0, 2)], [("/b~1~0/1/c", 4, 8, 1), ("/a", 0, 2, 1)]),
        (TREE, [("/b~1~0/1/c", 4, 8), (("b/~", 1), "text")], [("/b~1~0/1/c", 4, 8, 1)]),
        ([{"n": 5, "t": "five"}, {"n": 6, "t": "six"}], ["six"], [("/1/t", 0, 3, 1)]),
        ([{"n": 5, "t": "five"}, {"n": 6, "t": "six"}], [{"n": 6, "t": "six"}], [("/1", 0, 20, 1)]),
        ([{"name": "n", "text": "t"}], [{"name": "n", "text": "t"}], [("/0", 0, 26, 1)]),
        ([{"n": 1234}], [{"document": "/0/n"}, ("/0/n", 1, 3)], [("/0/n", 0, 4, 1), ("/0/n", 1, 3, 1)]),
        ("\ud800 😀 \x00 end", ["😀 \x00"], [(0, 2, 5, 1)]),
        (["a.b", "axb"], ["a.b"], [(0, 0, 3, 1)]),
        ("Grün\u0308 e\u0301 Ärger", ["Ärger", "e\u0301"], [(0, 9, 14, 1), (0, 6, 8, 1)]),
        ("one\r\ntwo", ["one two", "one\ntwo"], [(0, 0, 8, 1)]),
        (["same", "same"], ["same", "same", 0, (1, "same")], [(0, 0, 4, 2), (1, 0, 4, 1)]),
        ({"5": "five", "n": [None, "six"]}, ["five", (("n", 1), 0, 3)], [("/5", 0, 4, 1), ("/n/1", 0, 3, 1)]),
    ],
)
def test_evidence_is_found(context: Any, evidence: Any, expected: list[tuple[Any, ...]]) -> None:
    """Exactly, else with other white space; the first place counts, and how many there are is told."""
    assert places(context, evidence) == expected
    for document, name, start, end, text, _ in Texts(context).look_up(evidence)["citations"]:
        held = context
        if isinstance(document, str):  # a JSON pointer
            for step in document[1:].split("/"):
                key = step.replace("~1", "/").replace("~0", "~")
                held = held[int(key)] if isinstance(held, list) else held[key]
        elif not isinstance(context, str):
            held = context[document]
        assert (held if isinstance(held, str) else json.dumps(held))[start:end] == text
        assert name == getattr(held, "name", None)


@pytest.mark.parametrize(
    ("context", "piece", "reason"),
    [
        ("some text", "another", "evidence[0]: not in the context: 'another'"),
        (LETTERS, (2, "roof"), "not in the document: 'roof'"),
        (LETTERS, "Dear Bert, I know; the door is shut", "what begins like it is 'Dear Bert,\\nI know;\\n\\tthe  roof"),
        (LETTERS, "   ", "it is empty"),
        (LETTERS, "x" * (MAX_CITED_CHARS + 1), "cite what matters"),
        (["y" * (MAX_CITED_CHARS + 1)], 0, "cite what matters"),
        (LETTERS, 3, "no document 3: there are 3, numbered from 0"),
        (LETTERS, True, "a piece of evidence is"),
        (LETTERS, ("a.txt", 0, 3), "no document is named 'a.txt'"),
        (LETTERS, (0, 5, 5), "no characters 5 to 5"),
        (LETTERS, (0, 5, 50), "no characters 5 to 50: the text has 31"),
        (LETTERS, (0, -3, 2), "no characters -3 to 2"),
        (LETTERS, (0, "a", "b"), "start and end must be whole numbers"),
        (LETTERS, (0, 1), "a piece of evidence is"),
        (LETTERS, {"start": 1, "end": 2}, "it names no document"),
        (LETTERS, {"document": 0, "start": 1}, "a piece of evidence is"),
        (LETTERS, {"page": 1}, "a piece of evidence is"),
        (LETTERS, {"text": 5}, "a piece of evidence is"),
        (LETTERS, None, "a piece of evidence is"),
        ("e\u0301", "\u00e9", "not in the context"),
        ("", "x", "not in the context: 'x'"),
        ([], 0, "no document 0: there are 0"),
        ("one text", 5, "no document 5: the context is one text, which is document 0"),
        ("one text", (1, 0, 3), "no document 1: the context is one text"),
        ("one text", (1, "one"), "no document 1: the context is one text"),
        ({"a": "text"}, ("b", 0, 1), "the context has no 'b'"),
        ({"a": "text"}, {"document": "/a/b"}, "the context has no '/a/b'"),
        ([{"n": 5}], {"n": 6}, "a piece of evidence is"),
    ],
)
def test_what_is_not_there_is_named(context: Any, piece: Any, reason: str) -> None:
    """With what was wrong, and what there is in its place."""
    assert reason in problem(context, piece)


def test_evidence_is_bounded() -> None:
    """In pieces and in characters: it stands in the run's state."""
    found = Texts("ab" * MAX_ITEMS).look_up([(at, at + 1) for at in range(MAX_ITEMS + 1)])
    assert (len(found["citations"]), len(found["problems"])) == (MAX_ITEMS, 1)
    found = Texts("ab" * 10_000).look_up([(at, at + 1) for at in range(10_000)])
    assert len(found["citations"]) == MAX_ITEMS
    assert found["problems"] == [f"there are 10,000 pieces of evidence; the first {MAX_ITEMS} were looked up"]
    found = Texts("a" * 2 * MAX_CHARS).look_up([(at, at + MAX_CITED_CHARS) for at in range(40)])
    assert sum(len(text) for *_, text, _ in found["citations"]) <= MAX_CHARS
    assert "cite less" in found["problems"][0]


def test_a_context_that_is_changed_is_cited_as_it_was() -> None:
    """Cells sort and fill lists; the places are those of the context that the user has."""
    rows: list[Any] = [{"t": "b"}, {"t": "a"}]
    texts = Texts(rows)
    rows.sort(key=lambda row: row["t"])
    rows[0]["label"] = "made up"
    assert texts.look_up(["a"])["citations"] == [["/1/t", None, 0, 1, "a", 1]]
    assert texts.look_up(["made up"])["citations"] == []


def test_white_space_without_end_costs_no_more_than_other_text() -> None:
    """Searching takes linear time."""
    started = time.monotonic()
    assert "not in the context" in problem("a" + " \n" * 2_000_000 + "c" + "a " * 500_000, "a b c d")
    assert time.monotonic() - started < 5


def test_long_contexts_are_searched_in_their_process(make_rlm: MakeRLM) -> None:
    """20,000 texts, 20 quotations, in a second or so."""
    texts = [f"text {at}: {'x' * 200}" for at in range(20_000)]
    rlm = make_rlm([code("FINAL('a', evidence=[context[i * 1000][:12] for i in range(20)])")], config=CITED)
    started = time.monotonic()
    result = rlm.invoke({"query": "q", "context": texts})
    assert [one["document"] for one in result["citations"]] == [at * 1000 for at in range(20)]
    assert time.monotonic() - started < 10


# --- In a run -------------------------------------------------------------------------------------------------------


def test_an_answer_comes_with_what_it_rests_on(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """Document, offsets and the text that really stands there, with every checkpointer."""
    rlm = make_rlm(
        [code("FINAL('the roof', evidence=['the roof leaks', (1, 11, 17)])")], config=CITED, checkpointer=checkpointer
    )
    config = thread()
    result = rlm.invoke({"query": "What leaks?", "context": LETTERS}, config)
    assert result["answer"] == "the roof"
    assert result["citations"] == [
        {"document": 0, "name": None, "start": 11, "end": 25, "text": "the roof leaks", "occurrences": 1},
        {"document": 1, "name": None, "start": 11, "end": 17, "text": "I know", "occurrences": 1},
    ]
    assert result["evidence_problems"] == []
    if checkpointer is not None:
        assert rlm.get_state(config).values["citations"] == result["citations"]
    assert "evidence=[...]" in rlm.server.requests[0].system
    assert "late[:5]]" in rlm.server.requests[0].system


async def test_documents_are_cited_by_name(make_rlm: MakeRLM, tmp_path: Path) -> None:
    """Async too."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"The file {name}.")
    rlm = make_rlm([code("FINAL(1, evidence=[('b.txt', 'The file'), context[0]])")], config=CITED)
    result = await rlm.ainvoke({"query": "q", "context": load_context(str(tmp_path / "*.txt"))})
    assert [(one["name"], one["start"], one["text"]) for one in result["citations"]] == [
        ("b.txt", 0, "The file"),
        ("a.txt", 0, "The file a.txt."),
    ]


def test_what_is_not_in_the_context_goes_back(make_rlm: MakeRLM) -> None:
    """Named; the answer is not accepted until it is mended, and only then are there citations."""
    rlm = make_rlm(
        [
            code("best = 'the roof'\nFINAL(best, evidence=['the roof leaks', 'it rains in'])"),
            code("FINAL(best)"),
            code("FINAL(best, evidence=['the roof leaks'])"),
        ],
        config=CITED,
    )
    result = rlm.invoke({"query": "What leaks?", "context": LETTERS})
    first, second = observations(rlm)
    assert "evidence[1]: not in the context: 'it rains in'" in first
    assert "best: str of 8 chars" in first
    assert "none was given" in second
    assert (result["answer"], result["iterations"], len(result["citations"])) == ("the roof", 3, 1)


def test_an_answer_may_rest_on_nothing(make_rlm: MakeRLM) -> None:
    """If the code says so."""
    result = make_rlm([code("FINAL(0, evidence=[])")], config=CITED).invoke({"query": "q", "context": "c"})
    assert (result["answer"], result["citations"], result["evidence_problems"]) == ("0", [], [])


def test_refusals_have_an_end(make_rlm: MakeRLM) -> None:
    """Then the answer is taken with what was found, and the result says what was not."""
    rlm = make_rlm([code("FINAL('x', evidence=['Nothing', 'made up'])")] * (MAX_REFUSALS + 1), config=CITED)
    result = rlm.invoke({"query": "q", "context": LETTERS})
    assert (result["answer"], result["status"], result["iterations"]) == ("x", "complete", MAX_REFUSALS + 1)
    assert [one["text"] for one in result["citations"]] == ["Nothing"]
    assert result["evidence_problems"] == ["evidence[1]: not in the context: 'made up'"]


def test_a_forced_answer_is_taken_as_it_is(make_rlm: MakeRLM) -> None:
    """There is no turn left to mend its evidence."""
    settings = RLMConfig(citations=True, max_iterations=1)
    rlm = make_rlm([code("x = 1"), "FINAL(roof)"], config=settings)
    result = rlm.invoke({"query": "q", "context": LETTERS})
    assert (result["answer"], result["answered_by"], result["citations"]) == ("roof", "forced", [])
    assert result["evidence_problems"] == ["none was given: call FINAL(value, evidence=[...])"]
    rlm = make_rlm([code("x = 1"), 'FINAL("roof", evidence=["the roof", "the floor"])'], config=settings)
    result = rlm.invoke({"query": "q", "context": LETTERS})
    assert (result["answer"], [one["text"] for one in result["citations"]]) == ("roof", ["the roof"])


@pytest.mark.parametrize(
    "submitted",
    [
        "v = 'a'\nFINAL_VAR('v', evidence=['here'])",
        "SUBMIT('a', evidence=['here'])",
        "answer = {'content': 'a', 'ready': True, 'evidence': ['here']}",
        "FINAL('a', ['here'])",
        "FINAL('a', (t for t in ['here']))",
        "FINAL('a', evidence='here')",
    ],
)
def test_every_way_to_submit_takes_evidence(make_rlm: MakeRLM, submitted: str) -> None:
    """In a list, or alone."""
    result = make_rlm([code(submitted)], config=CITED).invoke({"query": "q", "context": LETTERS})
    assert (result["answer"], [one["text"] for one in result["citations"]]) == ("a", ["here"])


def test_evidence_that_is_not_asked_for_is_left_alone(make_rlm: MakeRLM) -> None:
    """The answer is taken, and nothing is looked up; a field of that name is an answer's own."""
    result = make_rlm([code("FINAL('a', evidence=['made up'])")]).invoke({"query": "q", "context": "c"})
    assert (result["answer"], "citations" in result) == ("a", False)
    result = make_rlm([code("SUBMIT(a=1, evidence=2)")]).invoke({"query": "q", "context": "c"})
    assert json.loads(result["answer"]) == {"a": 1, "evidence": 2}


def test_a_run_can_ask_for_citations_by_itself(make_rlm: MakeRLM) -> None:
    """With LangGraph's `context=`, as for any setting; the next question of the thread without them has none."""
    replies = [code("FINAL(1, evidence=['here'])"), code("FINAL(2)"), code("FINAL(3, evidence=[(0, 0, 4)])")]
    rlm = make_rlm(replies, checkpointer=InMemorySaver())
    config = thread()
    assert rlm.invoke({"query": "q", "context": LETTERS}, config, context=CITED)["citations"][0]["document"] == 2
    second = rlm.invoke({"query": "q"}, config)
    assert (second["answer"], second["citations"]) == ("2", [])
    assert rlm.invoke({"query": "q"}, config, context=CITED)["citations"][0]["text"] == "Dear"


def test_refusals_count_for_each_question_and_each_fork(make_rlm: MakeRLM) -> None:
    """They are in the state."""
    bad = code("FINAL('x', evidence=['made up'])")
    rlm = make_rlm(
        [bad, code("FINAL('x', evidence=[])")] * 2 + [bad] * MAX_REFUSALS, config=CITED, checkpointer=InMemorySaver()
    )
    config = thread()
    rlm.invoke({"query": "one", "context": LETTERS}, config)
    rlm.invoke({"query": "two"}, config)
    refused = next(s for s in rlm.get_state_history(config) if s.next == ("generate_code",) and s.values["iterations"])
    result = rlm.invoke(None, refused.config)
    assert (result["iterations"], len(result["evidence_problems"])) == (1 + MAX_REFUSALS, 1)


def test_a_short_context_is_not_answered_directly(make_rlm: MakeRLM) -> None:
    """One call without a REPL could not look anything up."""
    settings = RLMConfig(citations=True, direct_below_chars=1000)
    result = make_rlm([code("FINAL(1, evidence='here')")], config=settings).invoke({"query": "q", "context": LETTERS})
    assert (result["answered_by"], len(result["citations"])) == ("submitted", 1)


def test_children_are_not_asked_for_evidence(make_rlm: MakeRLM) -> None:
    """What they are handed is not the user's context."""
    rlm = make_rlm(
        [code("FINAL(rlm_query('which?', context='long part'), evidence=['here'])")],
        [code("FINAL('from the child')")],
        config=RLMConfig(citations=True, max_recursion_depth=2),
    )
    result = rlm.invoke({"query": "q", "context": LETTERS})
    assert (result["answer"], len(result["citations"])) == ("from the child", 1)
    assert "evidence" not in rlm.server.requests[1].system


def test_typed_answers_have_evidence_too(make_rlm: MakeRLM) -> None:
    """Both are told together, and mended one by one."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    rlm = make_rlm(
        [
            code("FINAL({'n': 'x'}, ['made up'])"),
            code("FINAL({'n': 1}, ['made up'])"),
            code("FINAL({'n': 1}, ['here'])"),
        ],
        config=CITED,
        response_format=schema,
    )
    result = rlm.invoke({"query": "q", "context": LETTERS})
    first, second = observations(rlm)
    assert "at $.n: 'x' is not of type 'integer'" in first
    assert "made up" in first
    assert "JSON Schema" not in second
    assert (result["structured_response"], len(result["citations"])) == ({"n": 1}, 1)


def ended(evidence: Any) -> Done:
    """What is told of a cell that ended with an answer, as a worker says it."""
    outcome = {"variables": {}, "reprs": {}, "changed": [], "notes": [], "evidence": evidence}
    header = {"kind": "ended", "stdout_chars": 0, "failed": False, "answered": True, "ran_ahead": 0}
    parts = [b"", b"", b"", b"answer", json.dumps(outcome).encode()]
    return told.end_of_cell(header, [memoryview(part) for part in parts], 0.0)


def test_evidence_is_read_as_a_worker_tells_it() -> None:
    """Places, and sentences."""
    found = {"citations": [[0, None, 1, 3, "ab", 1], ["/a", "n", 0, 1, "x", 2]], "problems": ["p"]}
    citations = (Citation(0, None, 1, 3, "ab"), Citation("/a", "n", 0, 1, "x", 2))
    assert ended(found).evidence == Evidence(citations, ("p",))
    assert ended(None).evidence is None


@pytest.mark.parametrize(
    "evidence",
    [
        [],
        {},
        {"citations": [], "problems": [1]},
        {"citations": [[0, None, 1, 3, "a", 1]], "problems": []},
        {"citations": [[0, None, -1, 0, "a", 1]], "problems": []},
        {"citations": [[0, None, 0, 1, "a", 0]], "problems": []},
        {"citations": [[0, None, 0, True, "a", 1]], "problems": []},
        {"citations": [[0, None, 0.0, 1.0, "a", 1]], "problems": []},
        {"citations": [[0, 5, 0, 1, "a", 1]], "problems": []},
        {"citations": [[[0], None, 0, 1, "a", 1]], "problems": []},
        {"citations": [[0, None, 0, 1, ["a"], 1]], "problems": []},
        {"citations": [[0, None, 0, 1, "a"] * 2], "problems": []},
        {"citations": [5], "problems": []},
    ],
    ids=range(13),
)
def test_evidence_that_does_not_add_up_breaks_the_protocol(evidence: Any) -> None:
    """A worker of ours tells no such thing."""
    with pytest.raises(wire.FrameError):
        ended(evidence)


async def test_looking_up_is_on_the_cells_clock(store: ContextStore) -> None:
    """Evidence without end is stopped as any cell is, and the REPL goes on."""
    executors = ProcessExecutors()
    executor = executors(store.local_manifest(store.put(LETTERS)), SnapshotStore(store.files))
    try:
        cell = "def endless():\n    while True:\n        pass\n    yield 1\nkept = 5\nFINAL(1, evidence=endless())"
        done = await executor.run_cell(cell, timeout_s=0.3, functions=Functions(citations=True))
        assert isinstance(done, Done)
        assert (done.answer, done.undone) == (None, False)
        assert "TimeoutError" in (done.error or "")
        again = await executor.run_cell("print(kept)", timeout_s=5, functions=Functions(citations=True))
        assert isinstance(again, Done)
        assert (again.stdout, again.evidence) == ("5\n", None)
    finally:
        await executor.close()
        executors.close()
