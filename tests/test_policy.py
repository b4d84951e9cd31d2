"""The policy: ordinary Python runs as in CPython, ways out are refused, and nothing outside can be reached."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import textwrap
import types
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from policy_escapes import ESCAPES

from rlm_graph.repl import guards, worker
from rlm_graph.repl.calls import CALL_ERRORS
from rlm_graph.repl.policy import PolicyError, build_builtins, compile_cell
from rlm_graph.repl.snapshot import ContextIndex

PROGRAMS = Path(__file__).parent / "programs"


class Repl:
    """A namespace under the policy, in this process."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.shown: list[Any] = []
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.namespace["__builtins__"] = build_builtins(
            write=self.printed.append, show=self.shown.append, names=lambda: dict(self.namespace)
        )

    def run(self, source: str) -> str:
        """Run a cell; returns what it printed."""
        self.printed.clear()
        exec(compile_cell(source, "<cell 1>"), self.namespace)
        return "".join(self.printed)


@pytest.fixture
def repl() -> Repl:
    return Repl()


@pytest.fixture(autouse=True)
def _recursion_limit() -> Iterator[None]:
    """Programs set it."""
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("name", sorted(path.stem for path in (PROGRAMS / "ordinary").glob("*.py")))
def test_an_ordinary_program_prints_what_cpython_prints(repl: Repl, name: str) -> None:
    """The same source gives the same output in plain `exec` and under the policy."""
    source = (PROGRAMS / "ordinary" / f"{name}.py").read_text()
    plain = io.StringIO()
    with contextlib.redirect_stdout(plain):
        exec(compile(source, "<cell 1>", "exec", dont_inherit=True), {"__name__": "__main__"})
    assert repl.run(source) == plain.getvalue()


@pytest.mark.parametrize("name", ESCAPES)
def test_a_way_out_fails(repl: Repl, name: str) -> None:
    """Each attempt ends in an exception, and not in a crash of the compiler."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what it is differs, that it is counts
        repl.run(ESCAPES[name])
    assert not isinstance(caught.value, RecursionError | MemoryError)


_WITHOUT_IMPORTS = """
import sys
from pathlib import Path
from rlm_graph.repl.policy import build_builtins, compile_cell
programs = [path.read_text() for path in sorted(Path(sys.argv[1]).glob("*.py"))]
sys.meta_path.clear()
for program in programs:
    builtins = build_builtins(write=len, show=id, names=dict)
    exec(compile_cell(program, "<cell 1>"), {"__builtins__": builtins, "__name__": "__main__"})
"""


def test_programs_need_no_module_that_is_not_imported_yet() -> None:
    """A confined worker opens no file: what the standard library imports when it is called is there before."""
    command = [sys.executable, "-c", _WITHOUT_IMPORTS, str(PROGRAMS / "ordinary")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# What can be reached. -----------------------------------------------------------------------------------------------

_INTERNAL_TYPES = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, types.CellType)

_CALLS = frozenset(
    {
        "elements",
        "most_common",
        "groups",
        "groupdict",
        "maps",
        "parents",
        "as_tuple",
        "__iter__",
        "parameters",
        "total",
        "isocalendar",
    }
)
"""Methods that the crawl calls, without arguments."""


def _reads(value: Any) -> Iterator[tuple[str, Any]]:
    """What a cell gets from a value, step by step: its attributes, items and the results of harmless calls."""
    names = _names_of(value) | _TRIED_EVERYWHERE
    for name in names:
        with contextlib.suppress(Exception):
            found = guards.get_attribute(value, name)
            yield f".{name}", found
            if name in _CALLS and callable(found) and not isinstance(value, type):
                yield f".{name}()", found()
    if type(value) in (list, tuple, set, frozenset, deque):
        yield from ((f"[{index}]", item) for index, item in enumerate(list(value)[:400]))
    if type(value) in (dict, types.MappingProxyType):
        yield from ((f"[{key!r:.40}]", item) for key, item in list(value.items())[:2000])
    if type(value) in (map, filter, zip, types.GeneratorType):
        return
    yield "type()", guards.TYPE(value)


def _names_of(value: Any) -> set[str]:
    """All names that could be attributes: more than a cell's `dir` tells."""
    names = set()
    with contextlib.suppress(Exception):
        names |= set(object.__dir__(value))
    for owner in (value, *type(value).__mro__):
        names |= {name for name in getattr(owner, "__dict__", {}) if isinstance(name, str)}
    return names


_TRIED_EVERYWHERE = {
    "__globals__",
    "__code__",
    "__closure__",
    "__self__",
    "__func__",
    "__dict__",
    "__class__",
    "__bases__",
    "__mro__",
    "__base__",
    "__builtins__",
    "__subclasses__",
    "__init__",
    "__new__",
    "__wrapped__",
    "__origin__",
    "__args__",
    "__reduce_ex__",
    "__getattribute__",
    "__loader__",
    "__spec__",
    "__annotations__",
    "__traceback__",
    "__context__",
    "gi_frame",
    "tb_frame",
    "f_globals",
    "f_back",
    "mro",
    "obj",
    "func",
    "args",
    "keywords",
}


def _is_outside(value: Any) -> bool:
    """Is this something that a cell must never hold?"""
    if isinstance(value, _INTERNAL_TYPES):
        return True
    if isinstance(value, type) and issubclass(value, type) and type(value) is not type(guards.TYPE):
        return True
    if value is guards.MADE or value is types.FunctionType:
        return True
    return type(value) is dict and ("__builtins__" in value or guards.OWN in value or "__loader__" in value)


def _crawl(roots: dict[str, Any]) -> dict[str, str]:
    """Everything that can be reached from the roots, breadth first: what is outside, by its shortest path."""
    seen: dict[Any, Any] = {}
    todo = deque(roots.items())
    outside = {}
    while todo:
        path, value = todo.popleft()
        if _is_plain(value) or _identity(value) in seen:
            continue
        seen[_identity(value)] = value  # kept, so that its id is not used again
        if _is_outside(value):
            outside[path] = repr(value)[:100]
        elif len(seen) > 150_000:
            raise AssertionError(f"the crawl does not end: {path}")
        elif path.count(".") + path.count("[") + path.count("(") < 12:
            todo.extend((path + step, found) for step, found in _reads(value))
    return outside


def _identity(value: Any) -> Any:
    """What tells values apart; methods are made anew each time, so by their name and what they are bound to."""
    if type(value) in (types.MethodWrapperType, types.BuiltinMethodType, types.MethodType):
        bound = value.__self__
        return type(value), value.__qualname__, id(bound if isinstance(bound, type) else type(bound))
    if type(value) is types.FunctionType:  # guards make closures; what they hold is out of reach
        return id(value.__code__), id(value.__dict__.get("__wrapped__"))
    return id(value)


def _is_plain(value: Any) -> bool:
    """Numbers and text lead to nothing but their types, which are roots."""
    return type(value) in (int, float, complex, str, bytes, bool, type(None))


def test_nothing_outside_the_namespace_can_be_reached(repl: Repl) -> None:
    """A crawl over all that the policy lets through meets no module, frame, code, globals, builtins or metaclass."""
    repl.run((PROGRAMS / "reach" / "samples.py").read_text())
    builtins = repl.namespace["__builtins__"]
    hidden = {name for name in builtins if name.startswith("<")} | {"__build_class__"}
    roots = {name: value for name, value in builtins.items() if name not in hidden}
    roots |= {name: value for name, value in repl.namespace.items() if name != "__builtins__"}
    facades = builtins["__import__"]
    for name in re.findall(r"[\w.]+", str(_refusal(lambda: facades("no_such_module"))).split("Available: ")[1]):
        roots[f"import {name}"] = facades(name, fromlist=("*",))
    assert _crawl(roots) == {}


def test_the_functions_of_the_repl_lead_nowhere() -> None:
    """`FINAL`, `llm_query` and their like, which the worker adds, and its exceptions: neither to it nor to the host."""
    host, alarm = types.SimpleNamespace(), types.SimpleNamespace()
    real = worker.Repl(context="text", index=ContextIndex("text"), host=host, alarm=alarm)  # type: ignore[arg-type]
    tools, history = [{"name": "search", "parameters": ["text"], "doc": "Find it."}], [{"role": "ai", "content": "x"}]
    asked = {"typed": True, "citations": True}
    real.offer({"tools": tools, "ask_user": True, "history": history, "seed": None, **asked})
    builtins = real._namespace["__builtins__"]
    errors = {f"an {error.__name__}": error("why") for error in CALL_ERRORS}
    names = [*real._functions, *real._offered, *(error.__name__ for error in CALL_ERRORS)]
    roots = {name: builtins[name] for name in [*names, "globals", "locals", "vars", "dir", "print"]}
    assert {"llm_map", "rlm_query_batched", "search", "ask_user", "history", "ToolError"} <= roots.keys()
    roots |= {**errors, "context": real._context, "answer": real._namespace["answer"]}
    roots["globals()"] = builtins["globals"]()
    assert _crawl(roots) == {}


def test_the_crawl_finds_what_leaks() -> None:
    """Each kind of thing that must not be reached is found, when it is planted behind public names."""

    def planted() -> Iterator[None]:
        yield

    frame = next((generator.gi_frame for generator in [planted()]), None)
    for leak in (io, frame, planted.__code__, {"__builtins__": 1}, type, guards.MADE, types.FunctionType):
        assert list(_crawl({"root": [types.SimpleNamespace(a={"b": leak})]})) == ["root[0].a['b']"]


def _refusal(call: Callable[[], Any]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was refused")


def test_a_subclass_of_any_class_leads_nowhere_either(repl: Repl) -> None:
    """In a class of its own a cell reads private attributes, also those that it inherits from the host."""
    bases = [base for base in guards.SUBCLASSABLE if base.__module__ != "builtins"]
    made: dict[str, Any] = {}
    for number, base in enumerate(bases):
        repl.namespace["Base"] = base
        with contextlib.suppress(TypeError, ValueError):
            repl.run("class Sub(Base): pass")
            made[f"Sub{number}({base.__module__}.{base.__name__})"] = repl.namespace["Sub"]
    instances = {}
    for path, cls in made.items():
        for arguments in ((), ("1",), (1,), ([],), (len,), ("a", [])):
            with contextlib.suppress(Exception):
                instances[f"{path}{arguments}"] = cls(*arguments)
                break
    assert len(made) > 100
    assert _crawl({**made, **instances}) == {}


# Refusals, and what they say. ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\nopen('f')", "`open` is not available: files cannot be read or written here.*`context`"),
        ("eval('1')", "`eval` is not available.*ast.literal_eval"),
        ("import numpy", "No module named 'numpy'.*Available: .*statistics"),
        ("import subprocess", "`?subprocess.*programs cannot be started"),
        ("import asyncio", "llm_query_batched"),
        ("import os\nos.listdir('.')", "`os.listdir` is not available here: files cannot be read"),
        ("from os import listdir", "cannot import name 'listdir' from 'os': files cannot be read"),
        ("from json import nothing", "cannot import name 'nothing' from 'json'; it has: loads, dumps"),
        ("async def f(): pass", "line 1: `async` and `await` are not available.*ThreadPoolExecutor"),
        ("x = 1\ny = f.__globals__", "line 2: the attribute `__globals__` is not available: use the variable"),
        ("class C:\n    def __del__(self): pass", "line 2: the name `__del__` cannot be defined: .*`with`"),
        ("type('X', (), {})", "`type` makes no classes here: write a `class` statement"),
        ("class C(metaclass=print): pass", "class C: this metaclass is not available"),
        ("import collections\ncollections.Counter.x = 1", "cannot set or delete `x` on the class `Counter`"),
        ("import sys\nsys.stdout = 1", "contextlib|cannot set"),
        ("import sys\nsys._getframe()", "private attribute `_getframe`"),
    ],
)
def test_a_refusal_says_what_to_write_instead(repl: Repl, source: str, words: str) -> None:
    """The message names what was refused and gives a model the words to mend its code."""
    with pytest.raises(Exception, match=re.compile(words, re.DOTALL)):
        repl.run(source)


def test_a_policy_error_has_the_place_and_all_refusals() -> None:
    """It is a SyntaxError with file, line and text, and names every refusal of the cell."""
    with pytest.raises(PolicyError) as caught:
        compile_cell("x = 1\ny = x.__code__\nz = x.mro()", "<cell 7>")
    error = caught.value
    assert (error.filename, error.lineno, error.text) == ("<cell 7>", 2, "y = x.__code__")
    assert re.findall(r"line (\d)", str(error)) == ["2", "3"]


def test_a_syntax_error_is_pythons_own() -> None:
    """What is no Python is not called a refusal."""
    with pytest.raises(SyntaxError, match="was never closed") as caught:
        compile_cell("x = 1\ny = (", "<cell 1>")
    assert not isinstance(caught.value, PolicyError)
    assert caught.value.lineno == 2


def test_the_last_expression_is_shown_and_run_once(repl: Repl) -> None:
    """Its value goes to the hook; other expressions do not."""
    repl.run("xs = []\n1\nxs.append(1) or len(xs)")
    assert repl.shown == [1]
    repl.run("x = 5")
    repl.run("for _ in 'a': 3")
    assert repl.shown == [1]
    repl.run("'text'")
    assert repl.shown == [1, "text"]


def test_long_chains_of_code_compile(repl: Repl) -> None:
    """A cell that is long rather than hostile is not refused as nested too deeply."""
    branches = "\n".join(f"elif x == {i}: y = {i}" for i in range(1, 150))
    assert repl.run(f"x = 140\nif x == 0: y = 0\n{branches}\nprint(y)") == "140\n"
    assert repl.run(f"print({' + '.join(['1'] * 600)})") == "600\n"


def test_globals_are_the_public_names(repl: Repl) -> None:
    """What is written into `globals()` becomes a variable; interpreter's and guards' names cannot be written."""
    assert repl.run("a = 1\n_b = 2\nprint(sorted(globals()), globals() == locals() == vars(), dir())") == (
        "['_b', 'a'] True ['_b', 'a']\n"
    )
    repl.run("globals()['a'] = 5\nglobals().update(c=6)\ndel globals()['_b']\ng = globals()\ng |= {'d': 7}")
    assert repl.run("print(a, c, d, '_b' in globals())") == "5 6 7 False\n"
    for name in ("__builtins__", "__name__", "<read>", "a b"):
        with pytest.raises(PermissionError):
            repl.run(f"globals()[{name!r}] = 1")


def test_locals_are_those_of_the_function_that_asks(repl: Repl) -> None:
    """Not those of the host's functions between it and the cell."""
    repl.run("def f(a):\n    b = 2\n    return sorted(locals()), dir(), vars()['b'], '{a}-{b}'.format(**locals())")
    assert repl.run("print(f(1))") == "(['a', 'b'], ['a', 'b'], 2, '1-2')\n"
    repl.run("import functools\nout = functools.reduce(lambda one, two: locals(), [1, 2])")
    assert repl.run("print(sorted(out))") == "['one', 'two']\n"
    repl.run("x = 1\nseen = [sorted(g()) for g in (functools.partial(locals), functools.partial(globals))]")
    assert repl.run("print(all(name.isidentifier() for names in seen for name in names))") == "True\n"


def test_print_inside_functions_and_to_stderr_reach_their_sinks() -> None:
    """stdout and stderr can be told apart; `print` takes all its arguments."""
    out: list[str] = []
    err: list[str] = []
    builtins = build_builtins(write=out.append, write_error=err.append, show=print, names=dict)
    source = "import sys\ndef f(): print(1, 2, sep='-', end='!', flush=True)\nf()\nprint('e', file=sys.stderr)"
    exec(compile_cell(source, "<cell 1>"), {"__builtins__": builtins})
    assert ("".join(out), "".join(err)) == ("1-2!", "e\n")


def test_code_without_guarded_attributes_is_left_as_it_is() -> None:
    """Loops, subscripts, calls, public attributes and methods' own attributes cost no guard."""
    source = textwrap.dedent("""
        def f(rows, total):
            for a, (b, c) in rows:
                total[a] += b.upper().count(c)
            return {k: v[0] for k, v in total.items()}
    """)
    plain = compile(source, "<cell 1>", "exec", dont_inherit=True)
    assert compile_cell(source, "<cell 1>").co_code == plain.co_code
    assert _function(compile_cell(source, "<cell 1>")).co_code == _function(plain).co_code


def _function(module: types.CodeType) -> types.CodeType:
    return next(constant for constant in module.co_consts if isinstance(constant, types.CodeType))
