"""Programs as language models write them, run cell by cell through the policy."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlm_graph.repl.policy import build_builtins, compile_cell

PROGRAMS = Path(__file__).parent / "programs"
EXPECTED: dict[str, str | None] = json.loads((PROGRAMS / "_expected.json").read_text())


def _world() -> dict[str, Any]:
    """The variables that `_setup.py` gives every program."""
    spec = importlib.util.spec_from_file_location("programs_setup", PROGRAMS / "_setup.py")
    assert spec is not None
    assert spec.loader is not None
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    world: dict[str, Any] = setup.world()
    return world


def _forget(_: object) -> None:
    """What goes to stderr, and the values of last lines, are not compared."""


def run_program(source: str) -> str:
    """Run a program in a REPL of its own; returns what it printed."""
    printed: list[str] = []
    world = _world()
    functions = {name: value for name, value in world.items() if isinstance(value, Callable)}  # type: ignore[arg-type]
    namespace: dict[str, Any] = {**world, "__name__": "__main__"}
    builtins = build_builtins(write=printed.append, write_error=_forget, show=_forget, names=lambda: dict(namespace))
    namespace["__builtins__"] = builtins | functions
    for number, cell in enumerate(source.split("# %%\n"), start=1):
        exec(compile_cell(cell, f"<cell {number}>"), namespace)
    return "".join(printed)


def test_there_is_an_expected_output_for_each_program() -> None:
    """Every program is in the list, and nothing else is."""
    assert {path.name for path in PROGRAMS.glob("[a-z]*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_program_prints_what_cpython_prints_or_is_refused_by_name(name: str) -> None:
    """The output is that of plain CPython; a program marked `policy: deny (x)` fails with an error that names x."""
    source = (PROGRAMS / name).read_text()
    denied = re.match(r"# policy: deny \((.+)\)", source)
    if denied is None:
        assert run_program(source) == EXPECTED[name]
        return
    with pytest.raises(Exception, match=denied.group(1)):
        run_program(source)
