"""Expected outputs of the programs beside this file, from plain CPython, without any package.

    python3.11 -P tests/programs/_expect.py            writes `_expected.json`
    python3.13 -P tests/programs/_expect.py --check    says where this Python differs from it

(`-P`, because some programs are named like modules that this one imports.)
Each program runs in processes of its own, twice: what depends on the order of hashes is reported too. The reference is
`exec`, cell by cell, in one namespace. A last line that is an expression is shown as the interactive prompt does it.
A submitted answer ends its cell, and is written down as a line `answer: ...`.
"""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent
EXPECTED = PROGRAMS / "_expected.json"

_FAILURE = "fails in plain Python"


class Submitted(BaseException):
    """A cell has submitted its answer."""


def submitters(namespace: dict[str, Any]) -> dict[str, Callable[[Any], None]]:
    """The functions of the REPL that submit an answer."""

    def FINAL(value: Any) -> None:  # noqa: N802 - the name that models are taught
        raise Submitted(value)

    def FINAL_VAR(name: str) -> None:  # noqa: N802 - the name that models know
        raise Submitted(namespace[name])

    return {"FINAL": FINAL, "FINAL_VAR": FINAL_VAR}


def denied(source: str) -> str | None:
    """What an error must name, as a pattern, when the program is one that is to be refused."""
    marked = re.match(r"# policy: deny \((.+)\)\n", source)
    return marked.group(1) if marked else None


def cells(source: str) -> list[str]:
    """The program's cells."""
    return source.split("# %%\n")


def run(
    source: str, namespace: dict[str, Any], execute: Callable[[str, str], None], write: Callable[[str], object]
) -> None:
    """Run a program cell by cell; the answers that it submits are written down."""
    for number, cell in enumerate(cells(source), start=1):
        answers = []
        try:
            execute(cell, f"<cell {number}>")
        except Submitted as submitted:
            answers.append(submitted.args[0])
        box = namespace["answer"]  # unless the program uses the name for something else
        if isinstance(box, dict) and box.get("ready") is True:
            answers.append(box["content"])
            namespace["answer"] = {"content": "", "ready": False}
        for answer in answers:
            write(f"answer: {as_text(answer)}\n")


def as_text(answer: Any) -> str:
    """An answer as the user gets it."""
    is_data = isinstance(answer, (dict, list, tuple))
    return json.dumps(answer, ensure_ascii=False) if is_data else str(answer)


def _run_plainly(name: str) -> None:
    """Run one program in this process."""
    world = runpy.run_path(str(PROGRAMS / "_setup.py"))["world"]  # an import would find the programs too: `copy.py`
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main  # a module of its own: forward references and `__module__` lead to it
    namespace = vars(main)
    namespace.update(world(), **submitters(namespace))

    def execute(code: str, filename: str) -> None:
        body = ast.parse(code).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), filename, "exec", dont_inherit=True), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), namespace)
            if value is not None:
                print(repr(value))

    run((PROGRAMS / name).read_text(encoding="utf-8"), namespace, execute, sys.stdout.write)


def _output(name: str) -> str:
    """What a program prints under this Python; no site packages, other hashes of `str` at each call."""
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-W", "ignore", __file__, "--run", name]
    done = subprocess.run(command, capture_output=True, check=False)  # as bytes: text would lose `\r`
    if done.returncode:
        return f"{_FAILURE}:\n{done.stderr.decode()}"
    return done.stdout.decode()


def main() -> None:
    """Write the expected outputs, or compare them."""
    if sys.argv[1:2] == ["--run"]:
        return _run_plainly(sys.argv[2])
    outputs: dict[str, str | None] = {}
    problems = []
    for path in sorted(PROGRAMS.glob("[a-z]*.py")):
        if denied(path.read_text(encoding="utf-8")):
            outputs[path.name] = None
            continue
        outputs[path.name] = _output(path.name)
        if outputs[path.name].startswith(_FAILURE):
            problems.append(f"{path.name}: {outputs[path.name]}")
        elif _output(path.name) != outputs[path.name]:
            problems.append(f"{path.name}: prints something else at each run")
    if "--check" in sys.argv:
        before = json.loads(EXPECTED.read_text(encoding="utf-8"))
        names = sorted({*before, *outputs})
        problems += [f"{name}: not as expected" for name in names if before.get(name, "") != outputs.get(name, "")]
    else:
        EXPECTED.write_text(json.dumps(outputs, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{len(outputs)} programs, Python {sys.version.split()[0]}", *problems, sep="\n")
    if problems:
        sys.exit(1)
    return None


if __name__ == "__main__":
    main()
