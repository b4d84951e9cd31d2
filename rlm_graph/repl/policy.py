"""The dialect of the REPL: ordinary Python, compiled so that it stays inside its namespace.

RestrictedPython's transformer is the base, because it refuses every syntax node that it does not know. What it does
with those it knows is replaced: its guards cost 1.7 times plain `exec` and refuse a third of what models write.
Here iteration, subscripts, calls, arithmetic and the attributes that are safe by name stay as they are. A guard is
called for guarded and private attribute names and for attribute stores (see `guards.py`); a method checks its `self`
once, at its beginning.

Covered: attribute names in all places where the language has them (loads, stores, deletes, augmented assignment,
imports, match patterns, literals' `.format`), and every form that binds a name. The guards' own names cannot be
spelled in Python source, so no binding can shadow them.
Not covered: what runs when it runs (time, memory), and a hole in this file. The process is the boundary.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from RestrictedPython.transformer import RestrictingNodeTransformer, copy_locations

from rlm_graph.repl import guards
from rlm_graph.repl.facades import Console, build_importer
from rlm_graph.repl.guards import MADE_SET, OWN, READ, SHOW, TYPE_OF, WRITE

__all__ = ["PolicyError", "build_builtins", "compile_cell"]

_COMPILE_RECURSION = 20_000
"""Frames that the transformer may use: four for each level of nesting. They are Python frames, not the C stack."""

_SHOWN_REFUSALS = 5
"""Refusals that one error names; a cell with more is read again after these are mended."""


class PolicyError(SyntaxError):
    """The cell holds something that the REPL refuses. The message says what, and what to write instead."""

    def __init__(self, message: str, filename: str, line: int | None = None, text: str | None = None) -> None:
        super().__init__(message, (filename, line, None, text))

    def __str__(self) -> str:
        return str(self.msg)


Prepare = Callable[[ast.Module, str, str], None]
"""Is given the tree of a cell that is being compiled, its source and its file name, and may put statements into it."""


def compile_cell(source: str, filename: str, prepare: Prepare | None = None) -> types.CodeType:
    """Compile one cell; the value of a last line that is an expression goes to the `show` hook.

    Raises:
        PolicyError: the cell holds something that is refused, or is nested too deeply.
        SyntaxError: it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a regular expression is the model's business
            tree = ast.parse(source, filename)
            if prepare is not None:
                prepare(tree, source, filename)
            policy = _Policy()
            with _deep_recursion():
                policy.visit(tree)
            if policy.refusals:
                raise _error(policy.refusals, source, filename)
            _show_last(tree)
            return compile(tree, filename, "exec", dont_inherit=True)
    except (RecursionError, MemoryError):
        reason = "the code is nested too deeply: use loops and intermediate variables"
        raise PolicyError(reason, filename) from None
    except UnicodeEncodeError:
        reason = "the code holds a lone surrogate: write it as an escape, like '\\ud800'"
        raise PolicyError(reason, filename) from None
    except ValueError as error:
        raise PolicyError(f"the code cannot be read: {error}", filename) from None


def build_builtins(
    *,
    write: Callable[[str], object],
    show: Callable[[Any], object],
    names: Callable[[], dict[str, Any]],
    write_error: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """The `__builtins__` of a cell's namespace.

    Args:
        write: takes what is printed to stdout.
        write_error: takes what is printed to stderr; None means that `write` takes it too.
        show: takes the value of a cell's last line.
        names: gives the REPL's public names, for `globals()`, `locals()`, `vars()` and `dir()`.
    """
    console = Console(write, write_error or write, names)
    public = {
        **{name: getattr(builtins, name) for name in _SAFE_BUILTINS.split()},
        **{name: value for name, value in vars(builtins).items() if _is_exception(value)},
        **{name: _refused_builtin(name, why) for name, why in _REFUSED_BUILTINS.items()},
        **console.builtins(),
        "type": guards.TYPE,
        "getattr": guards.get_attribute,
        "hasattr": guards.has_attribute,
        "setattr": guards.set_attribute,
        "delattr": guards.delete_attribute,
    }
    return {
        **public,
        "__build_class__": guards.build_class,
        "__import__": build_importer(console, public),
        "__name__": guards.CELL_MODULE,
        "__doc__": None,
        READ: guards.read,
        OWN: guards.own,
        WRITE: guards.write,
        MADE_SET: guards.MADE,
        TYPE_OF: type,
        SHOW: show,
    }


_SAFE_BUILTINS = """
    None True False Ellipsis NotImplemented
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float
    format frozenset hash hex id int isinstance issubclass iter len list map max memoryview min next object oct ord
    pow property range repr reversed round set slice sorted staticmethod str sum super tuple zip
"""

_REFUSED_BUILTINS = {
    "open": "files cannot be read or written here; the input is in the variable `context`, and for text to write to "
    "there is io.StringIO",
    "input": "nobody can be asked here; the input is in the variable `context`",
    "eval": "write the expression itself; for data in text use json.loads or ast.literal_eval",
    "exec": "write the statements themselves into the cell",
    "compile": "write the statements themselves into the cell; for patterns use re.compile",
    "breakpoint": "there is no debugger; print what you want to know",
    "help": "there is no pager; print(dir(obj)) or obj.__doc__ say what there is",
    "aiter": "there is no event loop; use a plain `for`",
    "anext": "there is no event loop; use next()",
}


def _refused_builtin(name: str, why: str) -> Callable[..., Any]:
    def refused(*_arguments: Any, **_keywords: Any) -> Any:
        raise PermissionError(f"`{name}` is not available: {why}")

    refused.__name__ = refused.__qualname__ = name
    return refused


def _is_exception(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _COMPILE_RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _error(refusals: list[tuple[int, str]], source: str, filename: str) -> PolicyError:
    first = refusals[0][0]
    lines = source.splitlines()
    shown = [f"line {line}: {text}" for line, text in dict.fromkeys(refusals)]
    if len(shown) > _SHOWN_REFUSALS:
        shown[_SHOWN_REFUSALS:] = [f"and {len(shown) - _SHOWN_REFUSALS} more"]
    text = lines[first - 1] if 0 < first <= len(lines) else None
    return PolicyError("\n".join(shown), filename, first, text)


def _show_last(tree: ast.Module) -> None:
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        last.value = _call(SHOW, [last.value], last.value)


def _call(hook: str, arguments: list[ast.expr], place: ast.expr) -> ast.Call:
    call = ast.Call(func=ast.Name(hook, ast.Load()), args=arguments, keywords=[])
    copy_locations(call, place)
    return call


class _Scope:
    """A function, class, comprehension... that the transformer is in."""

    def __init__(self, kind: str, *, binds_self: bool = False, trusts_self: bool = False) -> None:
        self.kind = kind
        self.binds_self = binds_self
        self.trusts_self = trusts_self
        """`self` is the first parameter of a method and never bound again."""
        self.uses_self = False
        """Some attribute relies on that, so the method checks `self` at its beginning."""


_Node = TypeVar("_Node", bound=ast.AST)
_Function = ast.FunctionDef | ast.Lambda

_TEMPORARY = "<object>"
"""The local variable of a function that holds an object between its check and its use."""


class _Policy(RestrictingNodeTransformer):
    """Checks names, and calls guards where a name alone does not tell that an attribute is safe."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[tuple[int, str]] = []
        self._scopes = [_Scope("module")]

    def error(self, node: ast.AST, info: str) -> None:
        self.refusals.append((getattr(node, "lineno", 0), info))

    def not_allowed(self, node: ast.AST) -> None:
        self.error(node, f"`{type(node).__name__}` syntax is not available here")

    @contextmanager
    def _inside(self, scope: _Scope) -> Iterator[_Scope]:
        self._scopes.append(scope)
        try:
            yield scope
        finally:
            self._scopes.pop()

    # Names. ---------------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            self._bind(node, node.id)
        elif guards.is_dunder(node.id) and node.id not in guards.LOADABLE_NAMES:
            self.error(node, f"the name `{node.id}` is not available: {_NAME_INSTEAD.get(node.id, _INTERNAL)}")
        return node

    def _bind(self, node: ast.AST, name: str | None) -> None:
        """Every form that gives a name a value comes here."""
        if name is None or not guards.is_dunder(name) or name in guards.DEFINABLE:
            return
        self.error(node, f"the name `{name}` cannot be defined: {_BIND_INSTEAD.get(name, _INTERNAL)}")

    def visit_Global(self, node: ast.Global) -> ast.AST:
        for name in node.names:
            self._bind(node, name)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        for name in node.names:
            self._bind(node, name)
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        for alias in node.names:
            self._bind(node, alias.asname or alias.name.split(".")[0])
            self._check_imported(node, alias.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        for alias in node.names:
            self._check_imported(node, alias.name)
            self._bind(node, alias.asname)
        return node

    def _check_imported(self, node: ast.AST, name: str) -> None:
        """An import reads attributes: `import a.b as c` loads `b`, and `from a import b` too."""
        for part in name.split("."):
            if part.startswith("_") or guards.kind_of(part) == "refused":
                self.error(node, f"`{name}` cannot be imported: names that begin with `_` are internals of a module")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self._bind(node, node.name)
        return self.node_contents_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        self._bind(node, node.arg)
        if node.annotation is not None:
            node.annotation = self._annotation(node.annotation)
        return node

    # Attributes. ----------------------------------------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = node.attr
        node.value = self._expression(node.value)
        if not isinstance(node.ctx, ast.Load):
            if not guards.is_storable(name):
                self.error(
                    node, f"the attribute `{name}` cannot be set or deleted: {_BIND_INSTEAD.get(name, _INTERNAL)}"
                )
            node.value = self._checked(node.value, name, WRITE)
            return node
        kind = guards.kind_of(name)
        if kind == "refused":
            self.error(node, guards.refusal(name))
        elif kind == "guarded":
            return _call(READ, [node.value, ast.Constant(name)], node)
        elif kind == "private":
            node.value = self._checked(node.value, name, OWN)
        return node

    def _checked(self, value: ast.expr, name: str, hook: str) -> ast.expr:
        """`value`, evaluated once, and checked to be an object whose attribute the cell may use."""
        scope = self._scopes[-1]
        if isinstance(value, ast.Name) and value.id == "self" and self._relies_on_self():
            return value
        if scope.kind != "function":  # no local variable: a module's could be changed by a thread after its check
            return _call(hook, [value, ast.Constant(name)], value)
        held = ast.NamedExpr(target=ast.Name(_TEMPORARY, ast.Store()), value=value)
        test = ast.Compare(
            left=ast.Call(func=ast.Name(TYPE_OF, ast.Load()), args=[held], keywords=[]),
            ops=[ast.In()],
            comparators=[ast.Name(MADE_SET, ast.Load())],
        )
        temporary = ast.Name(_TEMPORARY, ast.Load())
        choice = ast.IfExp(test, temporary, _call(hook, [temporary, ast.Constant(name)], value))
        copy_locations(choice, value)
        return choice

    def _relies_on_self(self) -> bool:
        for scope in reversed(self._scopes):
            if scope.binds_self:
                scope.uses_self = scope.uses_self or scope.trusts_self
                return scope.trusts_self
        return False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr in ("format", "format_map")
            and isinstance(function.value, ast.Constant)
            and type(function.value.value) is str
            and self._is_safe_format(node, function.value.value)
        ):
            node.args = [self._expression(argument) for argument in node.args]
            node.keywords = [self.node_contents_visit(keyword) for keyword in node.keywords]
            return node
        return self.node_contents_visit(node)

    def _is_safe_format(self, node: ast.AST, text: str) -> bool:
        try:
            guards.check_format(text)
        except AttributeError as error:
            self.error(node, str(error))
        except ValueError:
            return False  # malformed: the guard says so at run time, as `str.format` does
        return True

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Native; but `obj.attr += 1` also reads `obj.attr`, out of the guards' sight."""
        target = node.target
        if isinstance(target, ast.Attribute) and guards.kind_of(target.attr) == "guarded":
            self.error(node, f"`.{target.attr}` cannot be assigned in place: write obj.x = obj.x + ... instead")
        return self.node_contents_visit(node)

    # Functions and classes. -----------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._bind(node, node.name)
        node.decorator_list = [self._expression(decorator) for decorator in node.decorator_list]
        if node.returns is not None:
            node.returns = self._annotation(node.returns)
        self._visit_type_params(node)
        self._visit_outer_arguments(node)
        names = _parameters(node)
        is_method = self._scopes[-1].kind == "class" and names[:1] == ["self"] and not _is_static(node)
        trusts = is_method and not _rebinds_self(node)
        with self._inside(_Scope("function", binds_self="self" in names, trusts_self=trusts)) as scope:
            node.body = self._statements(node.body)
        if scope.uses_self:
            has_doc = ast.get_docstring(node, clean=False) is not None
            node.body.insert(int(has_doc), _self_check(node.body[0]))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._visit_outer_arguments(node)
        with self._inside(_Scope("function", binds_self="self" in _parameters(node))):
            node.body = self._expression(node.body)
        return node

    def _visit_outer_arguments(self, node: _Function) -> None:
        """Defaults and annotations run outside the function."""
        arguments = node.args
        arguments.defaults = [self._expression(default) for default in arguments.defaults]
        arguments.kw_defaults = [default and self._expression(default) for default in arguments.kw_defaults]
        for argument in _arguments(node):
            self.visit_arg(argument)

    def _visit_type_params(self, node: ast.AST) -> None:
        with self._inside(_Scope("annotation")):
            for parameter in getattr(node, "type_params", ()):  # Python 3.12
                self.visit(parameter)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._bind(node, node.name)
        node.decorator_list = [self._expression(decorator) for decorator in node.decorator_list]
        self._visit_type_params(node)
        kind = "annotation" if getattr(node, "type_params", None) else self._scopes[-1].kind
        with self._inside(_Scope(kind)):
            node.bases = [self._expression(base) for base in node.bases]
            node.keywords = [self.node_contents_visit(keyword) for keyword in node.keywords]
        with self._inside(_Scope("class")):
            node.body = self._statements(node.body)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if not _is_literal_match_args(node):
            return self.node_contents_visit(node)
        node.value = self._expression(node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.visit(node.target)
        node.annotation = self._annotation(node.annotation)
        if node.value is not None:
            node.value = self._expression(node.value)
        return node

    def _annotation(self, node: ast.expr) -> ast.expr:
        with self._inside(_Scope("annotation")):
            return self._expression(node)

    def _comprehension(self, node: _Node) -> _Node:
        with self._inside(_Scope("comprehension")):
            return self.node_contents_visit(node)

    def _expression(self, node: ast.expr) -> ast.expr:
        visited: ast.expr = self.visit(node)
        return visited

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [self.visit(statement) for statement in body]

    def _native(self, node: _Node) -> _Node:
        return self.node_contents_visit(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = self._statements(node.body)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node)

    # Match. ---------------------------------------------------------------------------------------------------------

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        self._bind(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        self._bind(node, node.name)
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        self._bind(node, node.rest)
        for key in node.keys:
            self._check_pattern(key)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        self._check_pattern(node.value)
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        self._check_pattern(node.cls)
        for name in node.kwd_attrs:
            if guards.kind_of(name) != "native":
                self.error(node, f"`{name}=` cannot be matched in a pattern: use `if` and getattr instead")
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        return node

    def _check_pattern(self, node: ast.expr) -> None:
        """The expressions in a pattern: no guard can be called there, so their attributes must be native."""
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and guards.kind_of(part.attr) != "native":
                self.error(node, f"`.{part.attr}` cannot be used in a pattern: compare with `if` instead")
            if isinstance(part, ast.Name):
                self.visit_Name(part)

    # Type parameters and aliases, from Python 3.12. -------------------------------------------------------------------

    def _type_parameter(self, node: Any) -> Any:
        if isinstance(node.name, str):
            self._bind(node, node.name)
        with self._inside(_Scope("annotation")):
            return self.node_contents_visit(node)

    visit_TypeVar = visit_ParamSpec = visit_TypeVarTuple = visit_TypeAlias = _type_parameter

    # Refused. -------------------------------------------------------------------------------------------------------

    def _no_event_loop(self, node: Any) -> Any:
        self.error(
            node,
            "`async` and `await` are not available: there is no event loop; use plain functions, "
            "llm_query_batched(prompts) or concurrent.futures.ThreadPoolExecutor",
        )
        return node

    visit_AsyncFunctionDef = visit_AsyncFor = visit_AsyncWith = visit_Await = _no_event_loop

    # Left as they are: the base class guards or refuses them. -----------------------------------------------

    visit_Subscript = visit_Starred = visit_For = visit_With = visit_TryStar = visit_NamedExpr = _native
    visit_Match = visit_match_case = visit_MatchSingleton = visit_MatchSequence = visit_MatchOr = _native

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            self._no_event_loop(node.target)
        return self.node_contents_visit(node)


_INTERNAL = "it is an internal of the interpreter"
_NAME_INSTEAD = {
    "__builtins__": "the builtins can be used by their names",
    "__file__": "code runs in a REPL, not from a file",
    "__annotations__": "use SomeClass.__annotations__",
}
_BIND_INSTEAD = {
    "__del__": "it would run at times nobody foresees; use a `with` statement or try/finally",
    "__getattribute__": "define `__getattr__` instead",
    "__class__": "make a new object of the other class instead",
    "__subclasshook__": "use isinstance with a tuple of classes, or a typing.Protocol",
    "__instancecheck__": "use isinstance with a tuple of classes, or a typing.Protocol",
    "__reduce__": "define `__copy__` or `__deepcopy__` for copies",
    "__reduce_ex__": "define `__copy__` or `__deepcopy__` for copies",
    "__match_args__": "write it in the class as a literal tuple of plain attribute names",
    "__name__": "use another name",
    "__module__": "leave it out",
    "__qualname__": "leave it out",
    "__annotations__": "annotate the names themselves",
    "__aiter__": "there is no event loop; define `__iter__`",
    "__anext__": "there is no event loop; define `__next__`",
    "__aenter__": "there is no event loop; define `__enter__`",
    "__aexit__": "there is no event loop; define `__exit__`",
    "__await__": "there is no event loop",
}


def _arguments(node: _Function) -> list[ast.arg]:
    arguments = node.args
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _parameters(node: _Function) -> list[str]:
    return [argument.arg for argument in _arguments(node)]


def _is_static(node: ast.FunctionDef) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "staticmethod" for part in node.decorator_list)


def _rebinds_self(node: ast.FunctionDef) -> bool:
    """Is `self` bound anywhere in the method but as a parameter? In doubt, yes."""
    for statement in node.body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and part.id == "self" and not isinstance(part.ctx, ast.Load):
                return True
            bound = [getattr(part, field, None) for field in ("name", "rest", "asname")]
            if "self" in bound or "self" in getattr(part, "names", ()):
                return True
    return False


def _self_check(place: ast.stmt) -> ast.stmt:
    """`if type(self) not in MADE: own(self, "self")`."""
    test = ast.Compare(
        left=ast.Call(func=ast.Name(TYPE_OF, ast.Load()), args=[ast.Name("self", ast.Load())], keywords=[]),
        ops=[ast.NotIn()],
        comparators=[ast.Name(MADE_SET, ast.Load())],
    )
    call = ast.Call(
        func=ast.Name(OWN, ast.Load()), args=[ast.Name("self", ast.Load()), ast.Constant("self")], keywords=[]
    )
    check = ast.If(test, [ast.Expr(call)], [])
    copy_locations(check, place)
    return check


def _is_literal_match_args(node: ast.Assign) -> bool:
    """`__match_args__ = ("x", "y")`, in the only form in which it cannot name anything but native attributes."""
    targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
    if targets != ["__match_args__"] or len(node.targets) != 1 or not isinstance(node.value, ast.Tuple):
        return False
    return all(
        isinstance(item, ast.Constant) and type(item.value) is str and guards.kind_of(item.value) == "native"
        for item in node.value.elts
    )
