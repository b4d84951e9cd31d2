"""What a REPL backend must do; every backend that there is runs this list."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from rlm_graph import ContextStore, REPLExecutionError
from rlm_graph.repl.executor import Call, Done, Executor
from rlm_graph.repl.process import ProcessExecutors

BACKENDS = {"process": ProcessExecutors}
CONTEXT = ["first text", "second \ud800 text"]


class Repl:
    """A REPL, and what its calls are answered with."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.calls: list[Call] = []

    async def run(self, code: str, timeout_s: float = 20, answer: Callable[[Call], Any] | None = None) -> Done:
        """Run a cell to its end."""
        step = await self.executor.run_cell(code, timeout_s=timeout_s)
        while isinstance(step, Call):
            self.calls.append(step)
            answered = answer(step) if answer else f"re:{step.args[0]}"
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


@pytest.fixture(params=BACKENDS)
async def repl(request: pytest.FixtureRequest, store: ContextStore) -> AsyncIterator[Repl]:
    """A started REPL of each backend."""
    executors = BACKENDS[request.param]()
    executor = executors(store.local_manifest(store.put(CONTEXT)))
    await executor.start()
    yield Repl(executor)
    await executor.close()
    executors.close()


async def test_the_context_is_there(repl: Repl) -> None:
    """As the value that was put into the store."""
    assert await repl.show("ascii(context)") == ascii(CONTEXT)


async def test_variables_live_from_cell_to_cell(repl: Repl) -> None:
    """Functions, classes and imports too."""
    await repl.run("import math\nx = 3\ndef twice(n): return n * 2 + x * 0\nclass C:\n    k = math.pi")
    assert await repl.show("twice(x), round(C().k, 2)") == "(6, 3.14)"


async def test_the_last_expression_is_shown_once(repl: Repl) -> None:
    """And run once; None is not shown."""
    done = await repl.run("log = []\ndef f():\n    log.append(1)\n    return 'shown'\nf()")
    assert done.stdout == "'shown'\n"
    assert await repl.show("len(log)") == "1"
    assert (await repl.run("log.append(2)")).stdout == ""


async def test_an_exception_keeps_what_was_set_before(repl: Repl) -> None:
    """And names its line and the reason, in the lines of the cell."""
    done = await repl.run("a = 1\ndef f():\n    return 1 / 0\nb = f()\nc = 3")
    assert done.error is not None
    assert all(part in done.error for part in ("line 4", "line 3, in f", "return 1 / 0", "ZeroDivisionError"))
    assert "worker.py" not in done.error
    assert await repl.show("a, 'b' in globals(), 'c' in globals()") == "(1, False, False)"


async def test_a_syntax_error_is_an_observation(repl: Repl) -> None:
    """With its line."""
    done = await repl.run("x = 1\nif x\n    pass")
    assert done.error is not None
    assert "SyntaxError" in done.error
    assert "line 2" in done.error


async def test_variables_are_told(repl: Repl) -> None:
    """All of them described, which of them the cell bound, and the beginning of each repr."""
    await repl.run("a = 1")
    done = await repl.run("b = ['secret'] * 3")
    assert done.variables == {"a": "int 1", "b": "list of 3"}
    assert done.changed == ("b",)
    assert done.reprs["b"] == "['secret', 'secret', 'secret']"


async def test_output_is_bounded_and_counted(repl: Repl) -> None:
    """The beginning is kept."""
    done = await repl.run("for i in range(1000):\n    print('x' * 9999)")
    assert done.stdout_chars == 10_000_000
    assert 1000 < len(done.stdout) <= 200_000
    done = await repl.run("print('y' * 50_000_000)\nprint('z')")
    assert done.stdout_chars == 50_000_003


async def test_stderr_is_apart_from_stdout(repl: Repl) -> None:
    """`print(file=sys.stderr)`, logging and warnings go there."""
    done = await repl.run("import sys, logging\nprint('out')\nprint('err', file=sys.stderr)\nlogging.warning('warned')")
    assert done.stdout == "out\n"
    assert done.stderr.startswith("err\n")
    assert "warned" in done.stderr


async def test_calls_are_answered(repl: Repl) -> None:
    """One, a batch in order, and from threads."""
    assert await repl.show("llm_query('a', model='m')") == "re:a"
    assert repl.calls[-1].args == ("a", "m")
    assert await repl.show("llm_query_batched(str(i) for i in range(3))") == "['re:0', 're:1', 're:2']"
    threads = "with ThreadPoolExecutor(4) as pool:\n    r = list(pool.map(llm_query, 'abcdef'))"
    await repl.run("from concurrent.futures import ThreadPoolExecutor")
    assert (await repl.run(threads)).error is None
    assert await repl.show("r") == str([f"re:{c}" for c in "abcdef"])


async def test_answers_may_come_in_any_order(repl: Repl) -> None:
    """Each lands at its own call."""
    step: Any = await repl.executor.run_cell("print(llm_query_batched(['a', 'b', 'c']))", timeout_s=20)
    calls = []
    while len(calls) < 3:
        calls.append(step)
        step = await repl.executor.next_step() if len(calls) < 3 else step
    for call in reversed(calls):
        await repl.executor.reply(call.id, call.args[0].upper())
    done = await repl.executor.next_step()
    assert isinstance(done, Done)
    assert done.stdout == "['A', 'B', 'C']\n"


@pytest.mark.parametrize("text", ["", "x" * 3_000_000, "\N{GRINNING FACE}" * 1000, "\ud800 \x00 \r\n"])
async def test_any_text_passes_both_ways(repl: Repl, text: str) -> None:
    """Long, wide, with NUL and lone surrogates."""
    await repl.run("def ask(t):\n    return llm_query(t)")
    done = await repl.run(f"t = {text!r}\nr = llm_query(t)\nsame = r == t + t", answer=lambda call: call.args[0] * 2)
    assert done.error is None
    assert repl.calls[-1].args[0] == text
    assert await repl.show("same") == "True"


@pytest.mark.parametrize(
    ("kind", "error"), [("sub_call", "SubCallError"), ("limit", "MaxSubCallsExceeded"), ("value", "ValueError")]
)
async def test_a_failed_call_raises_what_the_code_can_catch(repl: Repl, kind: str, error: str) -> None:
    """And what it does not catch is an observation."""
    caught = f"try:\n    llm_query('x')\nexcept {error} as e:\n    print('caught', e)"
    assert (await repl.run(caught, answer=lambda _: (kind, "why"))).stdout == "caught why\n"
    done = await repl.run("llm_query('x')", answer=lambda _: (kind, "why"))
    assert done.error is not None
    assert f"{error}: why" in done.error


@pytest.mark.parametrize(
    ("code", "answer"),
    [
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
    ],
)
async def test_answers_are_taken_in_every_form(repl: Repl, code: str, answer: str | None) -> None:
    """As plain text, whatever class the code made it of."""
    done = await repl.run(code)
    assert (done.answer, done.error) == (answer, None)


async def test_an_answer_is_given_once(repl: Repl) -> None:
    """The next question does not find the last one's."""
    assert (await repl.run("answer['content'] = 'a'\nanswer['ready'] = True")).answer == "a"
    assert (await repl.run("1")).answer is None
    assert (await repl.run("Final = 1")).answer == "1"
    assert (await repl.run("1")).answer is None


async def test_names_of_the_host_come_back(repl: Repl) -> None:
    """A cell may rebind them for itself; the next one has the real ones, and the model is told."""
    done = await repl.run("context = 'fake'\ndef llm_query(p): return 'fake'\nFINAL_VAR = 3\ndel answer")
    assert len(done.notes) == 3
    assert await repl.show("len(context), llm_query('x')") == "(2, 're:x')"
    assert (await repl.run("del context")).notes
    assert await repl.show("len(context)") == "2"


@pytest.mark.parametrize("loop", ["while True: pass", "import time\ntime.sleep(60)", "[i for i in iter(int, 1)]"])
async def test_a_cell_is_stopped_at_its_limit(repl: Repl, loop: str) -> None:
    """Softly: the variables that it had set are kept."""
    started = time.monotonic()
    done = await repl.run(f"kept = 7\n{loop}", timeout_s=0.3)
    assert time.monotonic() - started < 2
    assert done.error is not None
    assert "time" in done.error
    assert not done.lost
    assert await repl.show("kept") == "7"


@pytest.mark.parametrize(
    "loop",
    ["import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException: pass", "sum(range(10**12))"],
    ids=["swallows", "in C"],
)
async def test_a_cell_that_does_not_stop_is_killed(repl: Repl, loop: str) -> None:
    """A second after the interrupt; the REPL goes on, and says that its variables are gone."""
    await repl.run("kept = 7")
    started = time.monotonic()
    done = await repl.run(loop, timeout_s=0.3)
    assert time.monotonic() - started < 3
    assert done.error is not None
    assert done.lost
    assert await repl.show("'kept' in globals(), len(context)") == "(False, 2)"


async def test_the_clock_stands_while_a_call_waits(repl: Repl) -> None:
    """The limit is the cell's own time."""
    step = await repl.executor.run_cell("r = llm_query('x')\nprint(r)", timeout_s=0.3)
    assert isinstance(step, Call)
    waiting = asyncio.ensure_future(repl.executor.next_step())
    await asyncio.sleep(0.6)
    await repl.executor.reply(step.id, "late")
    done = await waiting
    assert isinstance(done, Done)
    assert done.stdout == "late\n"


async def test_leaving_the_cell_is_an_observation(repl: Repl) -> None:
    """`sys.exit` ends the cell, not the REPL."""
    done = await repl.run("kept = 1\nimport sys\nsys.exit(3)\nkept = 2")
    assert done.error is not None
    assert "SystemExit" in done.error
    assert await repl.show("kept") == "1"


async def test_threads_that_a_cell_leaves_behind_harm_nothing(repl: Repl) -> None:
    """They stand still between cells, and the next cell works."""
    await repl.run("import threading, time\ndef spin():\n    while True: time.sleep(0.001)")
    await repl.run("threading.Thread(target=spin, daemon=True).start()")
    assert await repl.show("1 + 1") == "2"


async def test_a_recursion_bomb_is_an_observation(repl: Repl) -> None:
    """RecursionError, in few lines."""
    done = await repl.run("def f(n): return f(n + 1)\nf(0)")
    assert done.error is not None
    assert "RecursionError" in done.error
    assert len(done.error) < 8000


async def test_closing_is_final_and_may_be_repeated(repl: Repl) -> None:
    """Also in the middle of a cell."""
    step = await repl.executor.run_cell("llm_query('x')", timeout_s=5)
    assert isinstance(step, Call)
    await repl.executor.close()
    await repl.executor.close()


async def test_a_context_that_is_gone_is_told(store: ContextStore, tmp_path: Path) -> None:
    """When the REPL starts, as an error of the REPL."""
    executors = ProcessExecutors()
    executor = executors(tmp_path / "no-such-manifest")
    with pytest.raises(REPLExecutionError, match="no-such-manifest"):
        await executor.start()
    executors.close()


async def test_the_worker_has_nothing_of_the_hosts(store: ContextStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no descriptor but its socket; and it ends with the host's end of the socket."""
    monkeypatch.setenv("SECRET_CANARY", "canary")
    with (store_file := Path(os.devnull)).open() as inherited:
        os.set_inheritable(inherited.fileno(), True)
        executors = ProcessExecutors()
        executor = executors(store.local_manifest(store.put("text")))
        await Repl(executor).run("")
        pid = executor._worker._pid  # type: ignore[union-attr]
        assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
        descriptors = {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        assert {fd: target for fd, target in descriptors.items() if target != str(store_file)}.keys() == {3}
        executors.close()
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists()
        await executor.close()
