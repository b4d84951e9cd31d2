"""Which functions and methods do nothing but give a value, and expressions that use no others.

An expression of that sort, whose variables are plain data, is evaluated as it is, at the speed of Python. No method
that a cell has defined is ever called: all values are of builtin types, exactly.
"""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.guards import Facade
from rlm_graph.repl.run_ahead.kinds import ATOMS, CONTAINERS

_METHODS = """
    strip lstrip rstrip lower upper title capitalize casefold swapcase replace removeprefix removesuffix zfill ljust
    rjust center expandtabs startswith endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric
    isprintable isspace istitle isupper find rfind index rindex count split rsplit splitlines partition rpartition join
    translate maketrans encode decode hex
    get items keys values copy most_common elements total fromkeys
    union intersection difference symmetric_difference issubset issuperset isdisjoint
    group groups groupdict start end span expand search match fullmatch findall finditer sub subn
    bit_length bit_count is_integer as_integer_ratio conjugate hexdigest digest
"""

METHODS: frozenset[str] = frozenset(_METHODS.split())
"""Methods that change nothing, of whatever plain value they are."""

_BUILTINS = """
    abs all any ascii bin bool bytes chr complex dict divmod enumerate filter float frozenset hex int isinstance
    issubclass iter len list map max min oct ord pow range repr reversed round set slice sorted str sum tuple zip
"""

_MODULES = {
    "re": "compile search match fullmatch split findall finditer sub subn escape",
    "json": "loads dumps",
    "math": "ceil floor sqrt log log2 log10 exp pow gcd lcm isnan isinf isclose fabs fsum hypot trunc comb factorial",
    "textwrap": "dedent indent shorten fill wrap",
    "html": "escape unescape",
    "string": "capwords",
    "statistics": "mean fmean median mode multimode stdev pstdev variance pvariance",
    "itertools": "chain islice zip_longest product combinations permutations batched pairwise accumulate groupby",
    "collections": "Counter OrderedDict deque defaultdict",
    "bisect": "bisect bisect_left bisect_right",
    "heapq": "nlargest nsmallest",
    "urllib.parse": "quote unquote quote_plus unquote_plus",
    "unicodedata": "normalize category",
    "copy": "copy deepcopy",
    "fnmatch": "fnmatch fnmatchcase",
    "hashlib": "md5 sha1 sha256 sha512 blake2b",
    "io": "StringIO",
    "csv": "reader DictReader",
}


def _functions() -> frozenset[Any]:
    found = {getattr(builtins, name) for name in _BUILTINS.split()}
    for module, names in _MODULES.items():
        contents: Mapping[str, Any] = LISTED.get(module, {})
        found |= {contents[name] for name in names.split() if name in contents}
    found.add(LISTED["itertools"]["chain"].from_iterable)
    return frozenset(found)


_IN_MODULES = frozenset(name for names in _MODULES.values() for name in names.split())

FUNCTIONS: frozenset[Any] = _functions()
"""Functions and classes that only give a value, if what they are given is plain."""

OPERATORS: MappingProxyType[type, Callable[..., Any]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: operator.pow,
        ast.LShift: operator.lshift,
        ast.RShift: operator.rshift,
        ast.BitAnd: operator.and_,
        ast.BitOr: operator.or_,
        ast.BitXor: operator.xor,
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
        ast.Invert: operator.invert,
        ast.Not: operator.not_,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.Is: operator.is_,
        ast.IsNot: operator.is_not,
        ast.In: lambda item, container: item in container,
        ast.NotIn: lambda item, container: item not in container,
    }
)
"""What Python's operators do."""


@dataclass(frozen=True)
class Native:
    """An expression that is evaluated as it is."""

    names: tuple[str, ...]
    """The variables in it, which are its arguments."""

    attributes: tuple[tuple[int, str], ...]
    """What it takes of variables, by their place: functions of a module, or methods of a value or type."""

    are_methods: bool
    """All that it takes of variables are methods that change nothing."""

    function: Callable[..., Any]

    def accepts(self, values: Sequence[Any], is_plain: Callable[[Any], bool]) -> bool:
        """May it be evaluated with these values?"""
        for value in values:
            if type(value) not in ATOMS:
                break
        else:  # as most often
            return self.are_methods
        modules = {at for at, value in enumerate(values) if isinstance(value, Facade)}
        for at, name in self.attributes:
            if at in modules and is_pure(values[at].__dict__.get(name)):
                modules.discard(at)
            elif at in modules or name not in METHODS:
                return False
        others = [value for value in values if not isinstance(value, Facade) and not is_pure(value)]
        others.sort(key=lambda value: type(value) in CONTAINERS)  # to look into a long list takes time
        return not modules and all(map(is_plain, others))


TYPES = frozenset((str, bytes, int, float, bool, list, tuple, dict, set, frozenset, range, type(None)))


def is_pure(value: Any) -> bool:
    """Is it one of the functions that only give a value?"""
    return type(value) in _CALLABLE and value in FUNCTIONS


_CALLABLE = frozenset(map(type, FUNCTIONS))


def native(node: ast.expr) -> Native | None:
    """The expression as a function of its variables; None if it may do more than to give a value."""
    reader = _Reader()
    if not reader.is_pure(node, frozenset()):
        return None
    arguments = ast.arguments([], [ast.arg(name) for name in reader.names], None, [], [], None, [])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, node)))
    code = compile(tree, "<ahead>", "eval", dont_inherit=True)
    function: Callable[..., Any] = eval(code, {"__builtins__": {}})  # noqa: S307 - an expression that `_Reader` has read
    are_methods = all(name in METHODS for _, name in reader.attributes)
    return Native(tuple(reader.names), tuple(reader.attributes), are_methods, function)


class _Reader:
    """Reads an expression: is it pure, as far as its form tells, and which variables are in it?"""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.attributes: list[tuple[int, str]] = []

    def is_pure(self, node: ast.AST, bound: frozenset[str]) -> bool:
        """Is it, where `bound` are the variables of comprehensions and lambdas around it?"""
        match node:
            case ast.Constant():
                return True
            case ast.Name():
                if node.id not in bound:
                    self.names.setdefault(node.id, len(self.names))
                return True
            case ast.Attribute(value=ast.Name() as owner) if owner.id not in bound:  # `key=str.lower`
                return self._may_be_called(node, bound)
            case ast.Call():
                arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                return self._may_be_called(node.func, bound) and self._are_pure(arguments, bound)
            case ast.Lambda():
                names = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
                defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
                return self._are_pure(defaults, bound) and self.is_pure(node.body, bound | names)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._is_comprehension_pure(node.generators, [node.elt], bound)
            case ast.DictComp():
                return self._is_comprehension_pure(node.generators, [node.key, node.value], bound)
            case ast.Dict():
                return self._are_pure([*filter(None, node.keys), *node.values], bound)
        return isinstance(node, _PARTS) and self._are_pure(ast.iter_child_nodes(node), bound)

    def _are_pure(self, nodes: Iterable[ast.AST], bound: frozenset[str]) -> bool:
        return all(self.is_pure(node, bound) for node in nodes)

    def _may_be_called(self, function: ast.expr, bound: frozenset[str]) -> bool:
        if isinstance(function, ast.Name):
            return self.is_pure(function, bound)
        if not isinstance(function, ast.Attribute):
            return False
        value, name = function.value, function.attr
        if isinstance(value, ast.Name) and value.id not in bound:
            if name not in METHODS and name not in _IN_MODULES:
                return False
            self.is_pure(value, bound)
            self.attributes.append((self.names[value.id], name))
            return True
        is_template = isinstance(value, ast.Constant) and type(value.value) is str and name == "format"
        return (name in METHODS or is_template) and self.is_pure(value, bound)

    def _is_comprehension_pure(
        self, generators: Sequence[ast.comprehension], results: Sequence[ast.expr], bound: frozenset[str]
    ) -> bool:
        for generator in generators:
            if not self.is_pure(generator.iter, bound):
                return False
            targets = list(ast.walk(generator.target))
            if not all(isinstance(part, _TARGETS) for part in targets):
                return False
            bound |= {part.id for part in targets if isinstance(part, ast.Name)}
            if not self._are_pure(generator.ifs, bound):
                return False
        return self._are_pure(results, bound)


_PARTS = (
    ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Subscript,
    ast.Slice, ast.List, ast.Tuple, ast.Set, ast.Starred, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.expr_context,
)  # fmt: skip
"""Forms that are pure when their parts are."""

_TARGETS = (ast.Name, ast.Tuple, ast.List, ast.Starred, ast.expr_context)
