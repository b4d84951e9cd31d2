"""Programs as language models write them print in the REPL what plain CPython prints.

`programs/_expect.py` makes the expected outputs. Each program runs twice here: through the compiled dialect alone, and
in a real worker.
"""

from __future__ import annotations

import ast
import decimal
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlm_graph.repl.executor import Call, Done, Executor, Step
from rlm_graph.repl.policy import build_builtins, compile_cell

PROGRAMS = Path(__file__).parent / "programs"
EXPECTED: dict[str, str | None] = json.loads((PROGRAMS / "_expected.json").read_text(encoding="utf-8"))
REFERENCE = runpy.run_path(str(PROGRAMS / "_expect.py"))
SETUP = runpy.run_path(str(PROGRAMS / "_setup.py"))


def _forget(_: object) -> None:
    """What goes to stderr is not compared."""


def run_in_dialect(source: str) -> str:
    """Run a program in a REPL of its own, in this process; returns what it printed."""
    printed: list[str] = []
    namespace: dict[str, Any] = {"__name__": "__main__"}

    def show(value: object) -> None:
        if value is not None:
            printed.append(f"{value!r}\n")

    def names() -> dict[str, Any]:
        return {name: value for name, value in namespace.items() if not name.startswith("__")}

    def execute(code: str, filename: str) -> None:
        exec(compile_cell(code, filename), namespace)

    world = SETUP["world"]()
    functions = {name: value for name, value in world.items() if callable(value)} | REFERENCE["submitters"](namespace)
    namespace.update((name, value) for name, value in world.items() if name not in functions)
    builtins = build_builtins(write=printed.append, write_error=_forget, show=show, names=names)
    namespace["__builtins__"] = builtins | functions
    with decimal.localcontext(decimal.Context()):  # a program may change it, and this process is not its own
        REFERENCE["run"](source, namespace, execute, printed.append)
    return "".join(printed)


@pytest.fixture(scope="module")
def make_executor(executors_over: Callable[[object], Callable[[], Executor]]) -> Callable[[], Executor]:
    """Makes workers over the programs' context."""
    return executors_over(SETUP["world"]()["context"])


class CellError(Exception):
    """A cell ended with this error."""


async def run_in_worker(executor: Executor, source: str) -> str:
    """Run a program cell by cell in a worker; its calls are answered by the functions of `_setup.py`."""
    printed: list[str] = []
    functions = SETUP["world"]()
    for cell in REFERENCE["cells"](source):
        step = await executor.run_cell(cell, timeout_s=20)
        while not isinstance(step, Done):
            await _answer(executor, step, functions)
            step = await executor.next_step()
        if step.error is not None:
            raise CellError(step.error)
        printed.append(step.stdout)
        if step.answer is not None:
            printed.append(f"answer: {step.answer}\n")
    return "".join(printed)


def test_there_is_an_expected_output_for_each_program() -> None:
    """Every program is in the list, and nothing else is."""
    assert {path.name for path in PROGRAMS.glob("[a-z]*.py")} == set(EXPECTED)


ORDINARY = sorted(name for name, expected in EXPECTED.items() if expected is not None)
DENIED = sorted(set(EXPECTED) - set(ORDINARY))


def _source(name: str) -> str:
    return (PROGRAMS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ORDINARY)
def test_a_program_prints_in_the_dialect_what_cpython_prints(name: str) -> None:
    """The output is that of plain CPython."""
    assert run_in_dialect(_source(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", DENIED)
def test_a_program_that_reaches_outside_is_refused_by_the_dialect(name: str) -> None:
    """The error names what is refused, as the program's first line says: `policy: deny (x)`."""
    source = _source(name)
    with pytest.raises(Exception, match=REFERENCE["denied"](source)):
        run_in_dialect(source)


@pytest.mark.parametrize("name", ORDINARY)
async def test_a_program_prints_in_a_worker_what_cpython_prints(
    name: str, make_executor: Callable[[], Executor]
) -> None:
    """Cell by cell, with the values of last lines, sub-calls and submitted answers."""
    executor = make_executor()
    await executor.start()
    try:
        assert await run_in_worker(executor, _source(name)) == EXPECTED[name]
    finally:
        await executor.close()


@pytest.mark.parametrize("name", DENIED)
async def test_a_program_that_reaches_outside_is_refused_by_a_worker(
    name: str, make_executor: Callable[[], Executor]
) -> None:
    """The observation names what is refused."""
    source = _source(name)
    executor = make_executor()
    await executor.start()
    try:
        with pytest.raises(CellError, match=REFERENCE["denied"](source)):
            await run_in_worker(executor, source)
    finally:
        await executor.close()


def statements(source: str) -> list[str]:
    """A program with each statement as a cell of its own; only the last lines of its own cells are shown."""
    cells = []
    for cell in REFERENCE["cells"](source):
        body = ast.parse(cell).body
        pieces = [ast.unparse(statement) for statement in body]
        cells += [f"{piece}\nNone" for piece in pieces[:-1]] + pieces[-1:]
    return cells


@pytest.mark.parametrize("name", ORDINARY)
async def test_a_program_survives_a_restart_after_every_statement(
    name: str, make_executor: Callable[[], Executor]
) -> None:
    """A worker that lives and one that is killed and restored after every statement print the same.

    Compared with the worker that lives, statement by statement: some programs hold what no snapshot can keep (a thread
    pool, a running generator), and then the names that were lost say why the outputs differ.
    """
    lost: set[str] = set()
    outputs: list[str] = []
    for restarts in (False, True):
        executor = make_executor()
        await executor.start()
        printed = ""
        try:
            for cell in statements(_source(name)):
                done = await _run(executor, cell)
                printed += done.stdout + (done.error or "")
                if done.answer is not None:
                    printed += done.answer
                if restarts:
                    assert done.snapshot is not None
                    await executor.close()
                    executor = make_executor()
                    await executor.start()
                    lost |= (await executor.restore(done.snapshot)).keys()
        finally:
            await executor.close()
        outputs.append(printed)
    assert outputs[0] == outputs[1] or lost, name


async def _run(executor: Executor, cell: str) -> Done:
    functions = SETUP["world"]()
    step = await executor.run_cell(cell, timeout_s=20)
    while not isinstance(step, Done):
        await _answer(executor, step, functions)
        step = await executor.next_step()
    return step


async def _answer(executor: Executor, call: Step, functions: dict[str, Callable[..., str]]) -> None:
    """Answer a call with what the function of `_setup.py` gives."""
    assert isinstance(call, Call)
    await executor.reply(call.id, functions[call.function](call.text))
