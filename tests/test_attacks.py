"""Attacks by cells (`tests/attacks/`): R on resources, P on the protocol and the state. None succeeds.

Each file's header says what success would look like, and what a correct sandbox does. The attacks on the process itself
(O) are in `test_confine.py`.
"""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rlm_graph.repl.executor import Call, Done, Executor
from rlm_graph.testing.executor_cases import ReplUnderTest, open_repl

ATTACKS = Path(__file__).parent / "attacks"
TIMEOUT_S = 2.0
ENDLESS = ("R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R15")
"""Attacks that go on until their limit."""

ENDLESS_S = 1.0
"""Theirs, in seconds."""

LATE_S = 1.5
"""Seconds after its limit at which a cell must have ended."""

SLACK_S = 6.0
"""What a busy machine takes for the rest: starting a worker, saving, restoring."""


@pytest.fixture(scope="module")
def make_executor(executors_over: Callable[[object], Callable[[], Executor]]) -> Callable[[], Executor]:
    """Makes workers over a context of 1 MB. They have one zygote: what an attack does to that, the next ones meet."""
    return executors_over("some text " * 100_000)


@pytest.fixture
async def repl(make_executor: Callable[[], Executor]) -> AsyncIterator[ReplUnderTest]:
    """A REPL with a variable in it."""
    async with open_repl(make_executor) as opened:
        await opened.run("kept = [7]")
        yield opened


async def attack(repl: ReplUnderTest, name: str) -> Done:
    """Run an attack; ten sub-calls are answered, then there are no more."""
    started, calls = time.monotonic(), 0
    timeout_s = ENDLESS_S if name.startswith(ENDLESS) else TIMEOUT_S

    def answer(call: Call) -> str | tuple[str, str]:
        nonlocal calls
        calls += 1
        return "fine" if calls <= 10 else ("limit", "sub-call limit reached")

    done = await repl.run((ATTACKS / name).read_text(), timeout_s=timeout_s, answer=answer)
    assert time.monotonic() - started < timeout_s + LATE_S + SLACK_S
    assert calls <= 11
    if name != "P10_print_ansi.py":  # which prints the word; what a terminal is shown is the command line's to escape
        assert "PWNED" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("name", sorted(path.name for path in ATTACKS.glob("R*.py")))
async def test_no_attack_on_resources_succeeds(repl: ReplUnderTest, name: str) -> None:
    """It ends in time, costs the host nothing, and the next cell works with the variables of before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = await attack(repl, name)
    assert len(done.stdout) <= 200_000
    assert len(done.error or "") <= 10_000
    assert await repl.show("kept, len(context)") == "([7], 1000000)"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kilobytes
    if name.startswith(("R01", "R02", "R03", "R05", "R06", "R07", "R08")):
        assert "time" in (done.error or "").lower()
    if name.startswith(("R09", "R10", "R11", "R12", "R13")):
        assert "MemoryError" in (done.error or "") or "time" in (done.error or "").lower() or done.undone
    if name.startswith(("R15", "R16", "R17")):
        assert done.stdout_chars > 200_000 or done.error


@pytest.mark.parametrize("name", sorted(path.name for path in ATTACKS.glob("P*.py")))
async def test_no_attack_on_the_state_succeeds(
    repl: ReplUnderTest, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in a later cell, nor in the host, nor in a REPL that is restored from what it left."""
    done = await attack(repl, name)
    assert done.answer is None or "PWNED" not in done.answer
    assert await repl.show("kept, len(context), llm_query('x')") == "([7], 1000000, 're:x')"
    restored = await repl.restored(done.snapshot)
    assert await restored.show("kept, len(context), llm_query('x')") == "([7], 1000000, 're:x')"
    assert await restored.show("isinstance(1, int), __name__") == "(True, '__main__')"
    await restored.executor.close()
    assert "PWNED" not in "".join(capfd.readouterr())
