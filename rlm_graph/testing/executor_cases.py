"""What a REPL backend must do: one list of behaviours, which any implementation of `Executor` must show.

    import pytest
    from rlm_graph.testing.executor_cases import EXECUTOR_CASES, open_repl

    @pytest.mark.parametrize("case", EXECUTOR_CASES, ids=lambda case: case.__name__)
    async def test_my_backend(case, tmp_path):
        async with open_repl(MyExecutors(), tmp_path) as repl:
            await case(repl)

A case is a function that is given a fresh REPL over `CONTEXT`, and fails with an AssertionError.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from rlm_graph.repl.executor import (
    NO_FUNCTIONS,
    Call,
    Citation,
    Done,
    Evidence,
    Executor,
    Functions,
    Tool,
)

CONTEXT = ["first text", "second \ud800 text"]
"""What `context` is in the REPL that a case is given."""


class ReplUnderTest:
    """A REPL, what its calls were, and how others like it are made."""

    def __init__(self, executor: Executor, make: Callable[[], Executor]) -> None:
        self.executor = executor
        self.calls: list[Call] = []
        self.lost: Mapping[str, str] = {}
        self._make = make

    async def restored(self, snapshot: str | None) -> ReplUnderTest:
        """Another REPL, in the state of a snapshot; `lost` is what could not be kept. The caller closes it."""
        assert snapshot is not None, "the backend keeps no snapshots"
        other = ReplUnderTest(self._make(), self._make)
        await other.executor.start()
        other.lost = await other.executor.restore(snapshot)
        return other

    async def run(
        self,
        code: str,
        timeout_s: float = 20,
        answer: Callable[[Call], Any] | None = None,
        functions: Functions = NO_FUNCTIONS,
    ) -> Done:
        """Run a cell to its end; a call is answered with `re:` and its prompt, or with what `answer` says."""
        step = await self.executor.run_cell(code, timeout_s=timeout_s, functions=functions)
        while not isinstance(step, Done):
            if isinstance(step, Call):
                self.calls.append(step)
                answered = answer(step) if answer else f"re:{step.text}"
                if isinstance(answered, tuple):
                    await self.executor.fail(step.id, *answered)
                elif answered is not None:
                    await self.executor.reply(step.id, answered)
            step = await self.executor.next_step()
        return step

    async def show(self, expression: str) -> str:
        """What an expression is in the REPL."""
        done = await self.run(f"print(({expression}))")
        assert done.error is None, done.error
        return done.stdout.rstrip("\n")


ExecutorCase = Callable[[ReplUnderTest], Awaitable[None]]


@asynccontextmanager
async def open_repl(make: Callable[[], Executor]) -> AsyncIterator[ReplUnderTest]:
    """A started REPL, which ends with the block.

    Args:
        make: Makes one; for the cases of the list over `CONTEXT`.
    """
    repl = ReplUnderTest(make(), make)
    try:
        await repl.executor.start()
        yield repl
    finally:
        await repl.executor.close()


def _always(answer: Any) -> Callable[[Call], Any]:
    return lambda _: answer


async def the_context_is_there(repl: ReplUnderTest) -> None:
    """As the value that was put into the store."""
    assert await repl.show("ascii(context)") == ascii(CONTEXT)


async def variables_live_from_cell_to_cell(repl: ReplUnderTest) -> None:
    """Functions, classes and imports too."""
    await repl.run("import math\nx = 3\ndef twice(n): return n * 2 + x * 0\nclass C:\n    k = math.pi")
    assert await repl.show("twice(x), round(C().k, 2)") == "(6, 3.14)"


async def the_last_expression_is_shown_once(repl: ReplUnderTest) -> None:
    """And run once; None is not shown."""
    done = await repl.run("log = []\ndef f():\n    log.append(1)\n    return 'shown'\nf()")
    assert done.stdout == "'shown'\n"
    assert await repl.show("len(log)") == "1"
    assert (await repl.run("log.append(2)")).stdout == ""


async def an_exception_keeps_what_was_set_before(repl: ReplUnderTest) -> None:
    """And names its line and the reason, in the lines of the cell."""
    done = await repl.run("a = 1\ndef f():\n    return 1 / 0\nb = f()\nc = 3")
    assert done.error is not None
    assert all(part in done.error for part in ("line 4", "line 3, in f", "return 1 / 0", "ZeroDivisionError"))
    assert "worker.py" not in done.error
    assert await repl.show("a, 'b' in globals(), 'c' in globals()") == "(1, False, False)"


async def a_syntax_error_is_an_observation(repl: ReplUnderTest) -> None:
    """With its line."""
    done = await repl.run("x = 1\nif x\n    pass")
    assert done.error is not None
    assert "SyntaxError" in done.error
    assert "line 2" in done.error


async def variables_are_told(repl: ReplUnderTest) -> None:
    """All of them described, which of them the cell bound, and the beginning of each repr."""
    await repl.run("a = 1")
    done = await repl.run("b = ['secret'] * 3")
    assert done.variables == {"a": "int 1", "b": "list of 3"}
    assert done.changed == ("b",)
    assert done.reprs["b"] == "['secret', 'secret', 'secret']"


async def output_is_bounded_and_counted(repl: ReplUnderTest) -> None:
    """The beginning is kept."""
    done = await repl.run("for i in range(1000):\n    print('x' * 9999)")
    assert done.stdout_chars == 10_000_000
    assert 1000 < len(done.stdout) <= 200_000
    done = await repl.run("print('y' * 50_000_000)\nprint('z')")
    assert done.stdout_chars == 50_000_003


async def stderr_is_apart_from_stdout(repl: ReplUnderTest) -> None:
    """`print(file=sys.stderr)`, logging and warnings go there."""
    done = await repl.run("import sys, logging\nprint('out')\nprint('err', file=sys.stderr)\nlogging.warning('warned')")
    assert done.stdout == "out\n"
    assert done.stderr.startswith("err\n")
    assert "warned" in done.stderr


async def calls_are_answered(repl: ReplUnderTest) -> None:
    """One, a batch in order, and from threads."""
    assert await repl.show("llm_query('a', model='m')") == "re:a"
    assert (repl.calls[-1].text, repl.calls[-1].options) == ("a", {"model": "m", "schema": None})
    assert await repl.show("llm_query_batched(str(i) for i in range(3))") == "['re:0', 're:1', 're:2']"
    threads = "with ThreadPoolExecutor(4) as pool:\n    r = list(pool.map(llm_query, 'abcdef'))"
    await repl.run("from concurrent.futures import ThreadPoolExecutor")
    assert (await repl.run(threads)).error is None
    assert await repl.show("r") == str([f"re:{c}" for c in "abcdef"])


async def answers_may_come_in_any_order(repl: ReplUnderTest) -> None:
    """Each lands at its own call."""
    step: Any = await repl.executor.run_cell("print(llm_query_batched(['a', 'b', 'c']))", timeout_s=20)
    calls: list[Call] = []
    while len(calls) < 3:
        calls.append(step)
        step = await repl.executor.next_step() if len(calls) < 3 else step
    for call in reversed(calls):
        await repl.executor.reply(call.id, call.text.upper())
    done = await repl.executor.next_step()
    assert isinstance(done, Done)
    assert done.stdout == "['A', 'B', 'C']\n"


async def any_text_passes_both_ways(repl: ReplUnderTest) -> None:
    """Long, wide, with NUL and lone surrogates."""
    for text in ["", "x" * 3000000, "😀" * 1000, "\ud800 \x00 \r\n"]:
        await repl.run("def ask(t):\n    return llm_query(t)")
        done = await repl.run(f"t = {text!r}\nr = llm_query(t)\nsame = r == t + t", answer=lambda call: call.text * 2)
        assert done.error is None
        assert repl.calls[-1].text == text
        assert await repl.show("same") == "True"


async def a_failed_call_raises_what_the_code_can_catch(repl: ReplUnderTest) -> None:
    """And what it does not catch is an observation."""
    kinds = {
        "sub_call": "SubCallError",
        "limit": "MaxSubCallsExceeded",
        "budget": "BudgetExceeded",
        "value": "ValueError",
        "tool": "ToolError",
    }
    for kind, error in kinds.items():
        caught = f"try:\n    llm_query('x')\nexcept {error} as e:\n    print('caught', e)"
        assert (await repl.run(caught, answer=_always((kind, "why")))).stdout == "caught why\n"
        done = await repl.run("llm_query('x')", answer=_always((kind, "why")))
        assert done.error is not None
        assert f"{error}: why" in done.error


async def a_batch_loses_nothing(repl: ReplUnderTest) -> None:
    """The first failure is raised when all have ended, with the answers that there are; or failures are values."""

    def answer(call: Call) -> Any:
        return ("limit", "no more") if call.text == "b" else call.text.upper()

    caught = "try:\n    {}\nexcept MaxSubCallsExceeded as e:\n    print(e.answers, isinstance(e, BudgetExceeded))"
    for code in (
        "llm_query_batched('abc'[:1] and list('abc'))",
        "rlm_query_batched(list('abc'))",
        "llm_map('abc'.split() + ['b'], '{item}')",
    ):
        done = await repl.run(caught.format(code), answer=answer)
        assert done.error is None
        expected = "['ABC', None] True\n" if "map" in code else "['A', None, 'C'] True\n"
        assert done.stdout == expected
    values = "r = llm_query_batched(['a', 'b'], return_errors=True)\nprint(r[0], type(r[1]) is SubCallError, r[1])"
    assert (await repl.run(values, answer=answer)).stdout == "A True MaxSubCallsExceeded: no more\n"


async def items_are_mapped(repl: ReplUnderTest) -> None:
    """Into a template, of which nothing but `{item}` is replaced, after a prompt without it, or by a function."""
    cell = "print(llm_map((i for i in ['x', {'k': 1}]), 'Is {item} in {0} {\"{item}\"}?'))"
    assert (await repl.run(cell)).stdout == ('[\'re:Is x in {0} {"x"}?\', \'re:Is {"k": 1} in {0} {"{"k": 1}"}?\']\n')
    assert await repl.show("llm_map(['x'], 'Which?', model='m'), llm_map([], 'Which?')") == "(['re:Which?\\n\\nx'], [])"
    assert repl.calls[-1].options == {"model": "m", "schema": None}
    assert await repl.show("llm_map([1, 2], lambda i: f'<{i}>')") == "['re:<1>', 're:<2>']"
    for mistake in ("llm_map('text', 'p')", "llm_map([1], lambda i: i)", "llm_query_batched('text')", "llm_query(3)"):
        done = await repl.run(mistake)
        assert "TypeError" in (done.error or "")


async def a_schema_makes_values(repl: ReplUnderTest) -> None:
    """The host is given a JSON schema, and its JSON answer becomes a value of what the cell gave as schema."""
    await repl.run(
        "from dataclasses import dataclass\nfrom enum import Enum\nfrom pydantic import BaseModel, Field\n"
        "@dataclass\nclass Point:\n    x: int\n    y: float = 0.5\n"
        "class Kind(Enum):\n    GOOD = 'good'\n    BAD = 'bad'\n"
        "class Item(BaseModel):\n    kind: Kind\n    at: list[Point] = []\n    left: int = Field(1, ge=0)\n"
    )
    checks = {
        "dict": ('{"a": [1]}', "{'a': [1]}", {"type": "object"}),
        "list[int]": ("[1, 2]", "[1, 2]", {"type": "array", "items": {"type": "integer"}}),
        "Kind": ('"bad"', "<Kind.BAD: 'bad'>", {"type": "string", "enum": ["good", "bad"]}),
        "list[Point]": ('[{"x": 1}]', "[Point(x=1, y=0.5)]", None),
        "{'label': str, 'score': float}": ('{"label": "a", "score": 1}', "{'label': 'a', 'score': 1.0}", None),
        "{'type': 'object', 'properties': {}}": ("{}", "{}", {"type": "object", "properties": {}}),
        "Item": (
            '{"kind": "good", "at": [{"x": 1, "y": 2}]}',
            "Item(kind=<Kind.GOOD: 'good'>, at=[Point(x=1, y=2.0)], left=1)",
            None,
        ),
    }
    for spec, (reply, value, schema) in checks.items():
        for call in (
            f"llm_query('p', schema={spec})",
            f"llm_query_batched(['p'], schema={spec})[0]",
            f"llm_map([1], 'p', {spec})[0]",
        ):
            done = await repl.run(f"print(repr({call}))", answer=_always(reply))
            assert (done.error, done.stdout) == (None, f"{value}\n")
            assert schema is None or repl.calls[-1].options["schema"] == schema
    done = await repl.run("llm_query('p', schema=Item)", answer=_always('{"kind": "good", "left": -1}'))
    assert "SubCallError: the answer is not as the schema says: left: " in (done.error or "")
    done = await repl.run("llm_query('p', schema=print)")
    assert "TypeError: schema: " in (done.error or "")
    assert "a dataclass" in (done.error or "")


async def children_are_given_contexts(repl: ReplUnderTest) -> None:
    """Any value that JSON has, and what is easily made one; in a batch one for each prompt, or one for all."""
    await repl.run("rlm_query('p')\nrlm_query('p', {'a': [1, None]})\nrlm_query('p', context)\nrlm_query('p', {5})")
    assert [call.options["context"] for call in repl.calls] == [None, {"a": [1, None]}, CONTEXT, [5]]
    repl.calls.clear()
    await repl.run("rlm_query_batched(['p', 'q'], ['a', {'b': 1}])\nrlm_query_batched(['p', 'q'], 'all')")
    assert [call.options["context"] for call in repl.calls] == ["a", {"b": 1}, "all", "all"]
    done = await repl.run("rlm_query_batched(['p', 'q'], ['only one'])")
    assert "ValueError: rlm_query_batched(prompts, contexts): 1 contexts for 2 prompts" in (done.error or "")


async def what_cannot_be_handed_over_is_the_cells_mistake(repl: ReplUnderTest) -> None:
    """And nothing worse: too deep, too much, a number that is too long, what JSON has not."""
    for value, error in {
        "[]": None,
        "deep(150)": None,
        "deep(500)": "ValueError",
        "deep(100_000)": "RecursionError",
        "[[]] * 1_000_001": "ValueError",
        "'x' * 140_000_000": "ValueError",
        "10 ** 5000": "ValueError",
        "{'a': print}": "TypeError",
        "loop": "ValueError",
    }.items():
        made = "loop = []\nloop.append(loop)\ndef deep(n):\n    v = []\n    for _ in range(n): v = [v]\n    return v"
        done = await repl.run(f"{made}\nr = rlm_query('p', {value})")
        assert (done.error is None) == (error is None), (value, done.error)
        assert error is None or f"{error}: " in (done.error or "")
        assert await repl.show("llm_query('still here')") == "re:still here"


TOOLS = Functions(tools=(Tool("search", ("text", "limit"), "Find it."),), ask_user=True)


async def tools_are_called(repl: ReplUnderTest) -> None:
    """With arguments by place and by name; the result is a value; a failure is a ToolError."""

    def answer(call: Call) -> Any:
        assert (call.function, call.text) == ("tool", "search")
        arguments = call.options["arguments"]
        return ("tool", "no index") if arguments.get("text") == "bad" else f'{{"found": [{len(arguments)}]}}'

    async def run(code: str) -> Done:
        return await repl.run(code, answer=answer, functions=TOOLS)

    done = await run("print(search('x', limit=3)['found'], search(limit=None, text=['y']), search.__doc__)")
    assert done.stdout == "[2] {'found': [2]} Find it.\n"
    assert [call.options["arguments"] for call in repl.calls] == [
        {"text": "x", "limit": 3},
        {"limit": None, "text": ["y"]},
    ]
    done = await run("try: search('bad')\nexcept ToolError as e: print('caught', e)")
    assert done.stdout == "caught no index\n"
    for mistake in ("search(1, 2, 3)", "search(where=1)", "search(1, text=2)", "search(print)"):
        assert "TypeError: " in ((await run(mistake)).error or "")
    assert (await run("print('search' in globals(), [search(t)['found'] for t in 'ab'])")).stdout == "True [[1], [1]]\n"


async def a_run_without_tools_has_none(repl: ReplUnderTest) -> None:
    """Those of another run are gone, also from variables; a name of the cell's own that a tool takes is kept."""
    await repl.run("search = 'mine'\nask_user = 'mine, too'")
    done = await repl.run("found = search\nprint(my_search, my_ask_user)", functions=TOOLS)
    assert done.stdout == "mine mine, too\n"
    assert len(done.notes) == 2
    done = await repl.run("search = 1", functions=TOOLS)
    assert len(done.notes) == 1
    assert "NameError" in ((await repl.run("search('x')")).error or "")
    assert "ToolError: there is no tool `search` in this run" in ((await repl.run("found('x')")).error or "")
    assert (await repl.run("print(found is search)", functions=TOOLS)).stdout == "True\n"


async def the_user_is_asked(repl: ReplUnderTest) -> None:
    """Where the run allows it."""
    assert "NameError" in ((await repl.run("ask_user('why?')")).error or "")
    done = await repl.run("print(ask_user('why?'))", functions=TOOLS)
    assert done.stdout == "re:why?\n"
    assert (repl.calls[-1].function, repl.calls[-1].options) == ("ask_user", {})


async def history_is_what_the_host_says(repl: ReplUnderTest) -> None:
    """A list of messages; no variable of the cells, and not saved."""
    history = Functions(history=({"role": "ai", "content": "\ud800 'x'"}, {"role": "user", "content": ""}))
    assert "NameError" in ((await repl.run("history")).error or "")
    done = await repl.run("print(ascii(history[0]), len(history))\nhistory = 3\nlast = 1", functions=history)
    assert done.stdout == "{'role': 'ai', 'content': \"\\ud800 'x'\"} 2\n"
    assert done.variables == {"last": "int 1"}
    assert (await repl.run("print(len(history), 'history' in globals())", functions=history)).stdout == "2 True\n"
    other = await repl.restored(done.snapshot)
    assert "NameError" in ((await other.run("history")).error or "")
    await other.executor.close()


async def a_restored_repl_has_the_runs_functions(repl: ReplUnderTest) -> None:
    """Also in its variables, and before it has been told of them."""
    done = await repl.run("held = [search, ask_user, llm_map]", functions=TOOLS)
    other = await repl.restored(done.snapshot)
    assert other.lost == {}
    same = "print(held[0] is search, held[1] is ask_user, held[2] is llm_map, held[0]('x'))"
    assert (await other.run(same, functions=TOOLS, answer=_always("[1]"))).stdout == "True True True [1]\n"
    await other.executor.close()


async def what_is_drawn_at_random_depends_on_the_seed(repl: ReplUnderTest) -> None:
    """In the first cell, in one that runs again elsewhere, and in the cells after it."""
    draw = "import random, uuid\nr = random.random(), random.sample(range(1000), 3), uuid.uuid4().hex\nprint(r)"
    seed = Functions(seed=7)
    blank = await repl.run("1", functions=seed)
    first = await repl.run(draw, functions=seed)
    second = await repl.run(draw, functions=seed)
    assert first.stdout != second.stdout
    for before, expected in ((blank, first), (first, second)):
        other = await repl.restored(before.snapshot)
        assert (await other.run(draw, functions=seed)).stdout == expected.stdout
        await other.executor.close()
    other = await repl.restored(blank.snapshot)
    assert (await other.run(draw, functions=Functions(seed=8))).stdout != first.stdout
    await other.executor.close()


async def answers_are_taken_in_every_form(repl: ReplUnderTest) -> None:
    """As plain text, whatever class the code made it of."""
    for code, answer in [
        ("FINAL('a')", "a"),
        ("FINAL(None)", "None"),
        ("FINAL({'k': (1, 2)})", '{"k": [1, 2]}'),
        ("FINAL({1, })", "{1}"),
        ("v = 5\nFINAL_VAR('v')", "5"),
        ("v = 5\nFINAL_VAR(v)", "5"),
        ("SUBMIT(a=1, b=2)", '{"a": 1, "b": 2}'),
        ("answer['content'] = [1]\nanswer['ready'] = True", "[1]"),
        ("answer = {'content': 'x', 'ready': True}", "x"),
        ("answer['content'] = 'not yet'", None),
        ("Final = 'f'", "f"),
        ("from typing import Final", None),
        ("class S(str):\n    def __str__(self): return 'fake'\nFINAL(S('real'))", "real"),
        ("class L(list):\n    def __iter__(self): return iter([9])\nFINAL(str(len(L([1, 2]))))", "2"),
    ]:
        done = await repl.run(code)
        assert (done.answer, done.error) == (answer, None)


async def typed_answers_are_json(repl: ReplUnderTest) -> None:
    """Where a value is wanted; what JSON does not have is the cell's error."""
    typed = Functions(typed=True)
    for code, answer in [
        ("FINAL('a\\ud800')", '"a\ud800"'),
        ("FINAL(None)", "null"),
        ("FINAL({'k': (1, 2)})", '{"k": [1, 2]}'),
        ("SUBMIT(a=1, b=2.5)", '{"a": 1, "b": 2.5}'),
        ("answer['content'] = {1}\nanswer['ready'] = True", "[1]"),
    ]:
        done = await repl.run(code, functions=typed)
        assert (done.answer, done.error) == (answer, None)
    for code in ("FINAL(float('inf'))", "FINAL(print)", "v = []\nv.append(v)\nFINAL(v)"):
        done = await repl.run(code, functions=typed)
        assert done.answer is None
        assert "must be a value that JSON has" in (done.error or "")
    assert (await repl.run("FINAL('a')")).answer == "a"


async def evidence_is_looked_up(repl: ReplUnderTest) -> None:
    """Where citations are wanted: quotations and places, in the context as it was before any cell changed it."""
    cited = Functions(citations=True)
    code = "context.insert(0, 'made up')\nFINAL('a', evidence=['second \\ud800', (0, 6, 10), 'made up'])"
    done = await repl.run(code, functions=cited)
    assert (done.answer, done.error) == ("a", None)
    assert done.evidence is not None
    assert done.evidence.citations == (
        Citation(1, None, 0, 8, "second \ud800"),
        Citation(0, None, 6, 10, "text"),
    )
    (problem,) = done.evidence.problems
    assert "'made up'" in problem
    assert (await repl.run("FINAL('a')", functions=cited)).evidence is None
    assert (await repl.run("FINAL('a', evidence=[])", functions=cited)).evidence == Evidence()
    assert (await repl.run("FINAL('a', evidence=['text'])")).evidence is None


async def an_answer_is_given_once(repl: ReplUnderTest) -> None:
    """The next question does not find the last one's."""
    assert (await repl.run("answer['content'] = 'a'\nanswer['ready'] = True")).answer == "a"
    assert (await repl.run("1")).answer is None
    assert (await repl.run("Final = 1")).answer == "1"
    assert (await repl.run("1")).answer is None


async def names_of_the_host_come_back(repl: ReplUnderTest) -> None:
    """A cell may rebind them for itself; the next one has the real ones, and the model is told."""
    done = await repl.run("context = 'fake'\ndef llm_query(p): return 'fake'\nFINAL_VAR = 3\ndel answer")
    assert len(done.notes) == 3
    assert await repl.show("len(context), llm_query('x')") == "(2, 're:x')"
    assert (await repl.run("del context")).notes
    assert await repl.show("len(context)") == "2"


async def a_cell_is_stopped_at_its_limit(repl: ReplUnderTest) -> None:
    """Softly: the variables that it had set are kept."""
    for loop in ["while True: pass", "import time\ntime.sleep(60)", "[i for i in iter(int, 1)]"]:
        started = time.monotonic()
        done = await repl.run(f"kept = 7\n{loop}", timeout_s=0.3)
        assert time.monotonic() - started < 2
        assert done.error is not None
        assert "time" in done.error
        assert not done.undone
        assert await repl.show("kept") == "7"


async def a_cell_that_does_not_stop_is_killed(repl: ReplUnderTest) -> None:
    """A second after the interrupt; the REPL goes on with the variables of before the cell."""
    for loop in [
        "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException: pass",
        "sum(range(10**12))",
    ]:
        before = await repl.run("kept = 7")
        started = time.monotonic()
        done = await repl.run(f"kept = 8\n{loop}", timeout_s=0.3)
        assert time.monotonic() - started < 3
        assert done.error is not None
        assert done.undone
        assert (done.variables, done.snapshot) == (before.variables, before.snapshot)
        assert await repl.show("kept, len(context)") == "(7, 2)"


async def the_clock_stands_while_a_call_waits(repl: ReplUnderTest) -> None:
    """The limit is the cell's own time."""
    step = await repl.executor.run_cell("r = llm_query('x')\nprint(r)", timeout_s=0.3)
    assert isinstance(step, Call)
    waiting = asyncio.ensure_future(repl.executor.next_step())
    await asyncio.sleep(0.6)
    await repl.executor.reply(step.id, "late")
    done = await waiting
    assert isinstance(done, Done)
    assert done.stdout == "late\n"


async def the_clock_goes_on_after_a_call(repl: ReplUnderTest) -> None:
    """Also where somebody has been waiting for the next step since before the reply."""
    step = await repl.executor.run_cell("kept = llm_query('x')\nwhile True: pass", timeout_s=0.3)
    assert isinstance(step, Call)
    waiting = asyncio.ensure_future(repl.executor.next_step())
    await asyncio.sleep(0.1)
    await repl.executor.reply(step.id, "late")
    done = await asyncio.wait_for(waiting, 3)
    assert isinstance(done, Done)
    assert "time" in (done.error or "")
    assert await repl.show("kept") == "late"


async def leaving_the_cell_is_an_observation(repl: ReplUnderTest) -> None:
    """`sys.exit` ends the cell, not the REPL."""
    done = await repl.run("kept = 1\nimport sys\nsys.exit(3)\nkept = 2")
    assert done.error is not None
    assert "SystemExit" in done.error
    assert await repl.show("kept") == "1"


async def threads_that_a_cell_leaves_behind_harm_nothing(repl: ReplUnderTest) -> None:
    """They stand still between cells, and the next cell works."""
    await repl.run("import threading, time\ndef spin():\n    while True: time.sleep(0.001)")
    done = await repl.run("threading.Thread(target=spin, daemon=True).start()")
    assert "1 threads are still running" in done.notes[0]
    assert await repl.show("1 + 1") == "2"


async def a_recursion_bomb_is_an_observation(repl: ReplUnderTest) -> None:
    """RecursionError, in few lines."""
    done = await repl.run("def f(n): return f(n + 1)\nf(0)")
    assert done.error is not None
    assert "RecursionError" in done.error
    assert len(done.error) < 8000


async def a_restored_repl_is_the_same(repl: ReplUnderTest) -> None:
    """Data with its aliases, functions, classes, imports, and parts of the context; what was run is not run again."""
    await repl.run("import re\nfrom collections import Counter, defaultdict\nruns = []")
    await repl.run("class Box:\n    made = 0\n    def __init__(self, n):\n        self.n = n\nruns.append('class')")
    cells = [
        "shared = [1, 2]\npair = (shared, {'k': shared})\nshared.append(shared)",
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up",
        "up = counter()\nup()\nboxes = [Box(3), Box(4)]\nBox.made = 2",
        "counts = Counter('abca')\nby = defaultdict(list, a=[1])",
        "odd = ['\\ud800', float('nan'), -0.0, 10**400, b'\\x00', {1, (2, 3)}, None, range(3)]\nfirst = context[0]",
    ]
    for cell in cells:
        done = await repl.run(cell)
        assert done.error is None, done.error
    other = await repl.restored(done.snapshot)
    checks = {
        "pair[0] is pair[1]['k'] is shared, shared[2] is shared": "(True, True)",
        "up(), up()": "(2, 3)",
        "[b.n for b in boxes], type(boxes[0]) is Box, Box.made, runs": "([3, 4], True, 2, ['class'])",
        "counts.most_common(1), by['b'], re.sub('a', 'b', 'aa')": "([('a', 2)], [], 'bb')",
        "ascii(odd[0]), odd[1] != odd[1], str(odd[2]), odd[3] == 10**400": "(\"'\\\\ud800'\", True, '-0.0', True)",
        "odd[4], odd[5] == {1, (2, 3)}, odd[6:]": "(b'\\x00', True, [None, range(0, 3)])",
        "first == context[0]": "True",
    }
    for expression, value in checks.items():
        assert await other.show(expression) == value, expression
    assert other.lost == {}
    await other.executor.close()


async def what_cannot_be_kept_is_named(repl: ReplUnderTest) -> None:
    """With the reason; everything else is there."""
    await repl.run("import threading")
    await repl.run("gen = (i for i in range(3))\nnext(gen)\nlock = threading.Lock()\nkept = 5")
    done = await repl.run(
        "try:\n    try: FINAL(1)\n    except BaseException as end: raise KeyError('x') from end\n"
        "except KeyError as e:\n    error = e"
    )
    other = await repl.restored(done.snapshot)
    assert set(other.lost) == {"gen", "lock", "error"}
    assert await other.show("kept, 'gen' in globals(), error, error.__cause__") == "(5, False, KeyError('x'), None)"
    await other.executor.close()


async def equal_states_have_equal_snapshots(repl: ReplUnderTest) -> None:
    """A cell that changes nothing makes no new one, and a restored REPL goes on from the same."""
    first = (await repl.run("x = [1]")).snapshot
    assert (await repl.run("x.append(2)")).snapshot != first
    other = await repl.restored(first)
    assert await other.show("x") == "[1]"
    await other.executor.close()


async def closing_is_final_and_may_be_repeated(repl: ReplUnderTest) -> None:
    """Also in the middle of a cell."""
    step = await repl.executor.run_cell("llm_query('x')", timeout_s=5)
    assert isinstance(step, Call)
    await repl.executor.close()
    await repl.executor.close()


EXECUTOR_CASES: tuple[ExecutorCase, ...] = (
    the_context_is_there,
    variables_live_from_cell_to_cell,
    the_last_expression_is_shown_once,
    an_exception_keeps_what_was_set_before,
    a_syntax_error_is_an_observation,
    variables_are_told,
    output_is_bounded_and_counted,
    stderr_is_apart_from_stdout,
    calls_are_answered,
    answers_may_come_in_any_order,
    any_text_passes_both_ways,
    a_failed_call_raises_what_the_code_can_catch,
    a_batch_loses_nothing,
    items_are_mapped,
    a_schema_makes_values,
    children_are_given_contexts,
    what_cannot_be_handed_over_is_the_cells_mistake,
    tools_are_called,
    a_run_without_tools_has_none,
    the_user_is_asked,
    history_is_what_the_host_says,
    a_restored_repl_has_the_runs_functions,
    what_is_drawn_at_random_depends_on_the_seed,
    answers_are_taken_in_every_form,
    typed_answers_are_json,
    evidence_is_looked_up,
    an_answer_is_given_once,
    names_of_the_host_come_back,
    a_cell_is_stopped_at_its_limit,
    a_cell_that_does_not_stop_is_killed,
    the_clock_stands_while_a_call_waits,
    the_clock_goes_on_after_a_call,
    leaving_the_cell_is_an_observation,
    threads_that_a_cell_leaves_behind_harm_nothing,
    a_recursion_bomb_is_an_observation,
    a_restored_repl_is_the_same,
    what_cannot_be_kept_is_named,
    equal_states_have_equal_snapshots,
    closing_is_final_and_may_be_repeated,
)
"""All of them."""
