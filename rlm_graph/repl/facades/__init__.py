"""The modules that a cell can import: facades, which hold the listed functions, classes and constants.

A real module is never among them: it leads to every module that it imports (`random._os`, `statistics.sys`). What is
listed was looked at: functions that read attributes by name, evaluate text, set attributes on what they are given or
write to the process's own stdout are replaced (`rebuilt.py`, `copies.py`, `console.py`); the rest is real
(`listed.py`). Of other packages there is `pydantic`, rebuilt in `models.py`. The modules are imported here, before a
worker is confined.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.facades.console import Console
from rlm_graph.repl.facades.copies import COPIES
from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.facades.models import MODELS
from rlm_graph.repl.facades.paths import PATHS
from rlm_graph.repl.facades.rebuilt import REBUILT
from rlm_graph.repl.guards import Facade, facade

__all__ = ["Console", "build_importer"]

_WHY_NOT = {
    "asyncio": "there is no event loop; use llm_query_batched(prompts) or concurrent.futures.ThreadPoolExecutor",
    "subprocess": "programs cannot be started here",
    "multiprocessing": "processes cannot be started here; use concurrent.futures.ThreadPoolExecutor",
    "socket": "there is no network here; ask with llm_query(prompt)",
    "requests": "there is no network here; ask with llm_query(prompt)",
    "urllib.request": "there is no network here; ask with llm_query(prompt)",
    "http": "there is no network here; ask with llm_query(prompt)",
    "openai": "there is no network here; ask with llm_query(prompt)",
    "anthropic": "there is no network here; ask with llm_query(prompt)",
    "glob": "files cannot be read here; the input is in the variable `context`",
    "shutil": "files cannot be read or written here; the input is in the variable `context`",
    "tempfile": "files cannot be written here; use io.StringIO",
    "sqlite3": "files cannot be read or written here; use dicts and lists",
    "pickle": "use json.dumps; variables are kept between cells anyway",
    "importlib": "write an `import` statement",
    "inspect": "print(dir(obj)) and obj.__doc__ say what there is",
    "ctypes": "native code cannot be called here",
    "gc": "memory is managed by itself",
    "signal": "the REPL stops a cell at its time limit by itself",
    "zoneinfo": "time zone files cannot be read here; use datetime.timezone(datetime.timedelta(hours=...))",
    "xml": "use re, or str methods, on the text",
    "bs4": "use re, or html.unescape, on the text",
    "yaml": "use json, or str methods, on the text",
    "numpy": "use math, statistics and lists",
    "pandas": "use csv, lists of dicts and collections",
    "tiktoken": "count characters: about 4 of them are a token",
}


def build_importer(console: Console, builtins: dict[str, Any]) -> Callable[..., Any]:
    """The `__import__` of a cell, with the facades that write to this console; `builtins` is a module too."""
    modules: dict[str, dict[str, Any]] = {name: dict(contents) for name, contents in LISTED.items()}
    tables: tuple[Mapping[str, dict[str, Any]], ...] = (REBUILT, COPIES, MODELS, console.modules())
    for table in tables:
        for name, contents in table.items():
            modules.setdefault(name, {}).update(contents)
    explanations: dict[str, tuple[dict[str, Any], str]] = {**PATHS, **console.explanations()}
    for name, (contents, _) in explanations.items():
        modules.setdefault(name, {}).update(contents)
    modules["builtins"] = builtins
    facades = {
        name: console.sys
        if name == "sys"
        else facade(name, contents, why=explanations[name][1] if name in explanations else "")
        for name, contents in modules.items()
    }
    for name in list(facades):
        _bind_to_parent(facades, name)
    return _importer(MappingProxyType(facades))


def _bind_to_parent(facades: dict[str, Any], name: str) -> None:
    """`import a.b` makes `b` an attribute of `a`."""
    parent, _, child = name.rpartition(".")
    if parent:
        above = facades.setdefault(parent, facade(parent, {}))
        above.__dict__[child] = facades[name]
        above.__dict__["__all__"] += (child,)
        _bind_to_parent(facades, parent)


def _importer(facades: MappingProxyType[str, Any]) -> Callable[..., Any]:
    def import_module(
        name: str,
        globals: object = None,  # noqa: A002, ARG001 - the names and order that the import statement uses
        locals: object = None,  # noqa: A002, ARG001
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        """Give the facade of a module."""
        if type(name) is not str:
            raise TypeError("the name of a module must be a str")
        if level:
            raise ImportError(f"`{'.' * level}{name}`: there are no packages here, so no relative imports")
        if name not in facades and type(fromlist) is list and not fromlist and name in sys.modules:
            return None  # C code, which takes the real module itself and drops this result: `datetime.strptime`
        if name not in facades:
            raise ModuleNotFoundError(_missing(name, facades), name=name)
        module = facades[name]
        for wanted in fromlist or ():
            if wanted != "*" and wanted not in module.__dict__:
                raise ImportError(_missing_from(module, wanted), name=name)
        return module if fromlist else facades[name.partition(".")[0]]

    import_module.__name__ = import_module.__qualname__ = "__import__"
    return import_module


def _missing(name: str, facades: MappingProxyType[str, Any]) -> str:
    root = name.partition(".")[0]
    why = _WHY_NOT.get(name) or _WHY_NOT.get(root)
    reason = f": {why}" if why else ""
    return f"No module named {name!r}: it is not available here{reason}. Available: {', '.join(sorted(facades))}"


def _missing_from(module: Facade, name: str) -> str:
    contents = module.__dict__
    why = f": {contents['_why']}" if contents["_why"] else f"; it has: {', '.join(contents['__all__'])}"
    return f"cannot import name {name!r} from {contents['__name__']!r}{why}"
