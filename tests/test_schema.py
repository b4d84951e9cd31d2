"""Schemas that a cell gives: what the host is told, and what an answer becomes, beside what pydantic makes of them."""

import dataclasses
import datetime
import decimal
import enum
import json
import typing
import uuid
from collections import deque, namedtuple
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NewType, Optional

import jsonschema
import pydantic
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_graph.repl.schema import Misfit, build, json_schema, shape_of, written


@dataclasses.dataclass
class Point:
    """A place."""

    x: int
    y: float = 0.5
    names: list[str] = dataclasses.field(default_factory=list, metadata={"description": "what it is called"})
    made: ClassVar[int] = 0


@dataclasses.dataclass
class Bare:
    a: Optional["Bare"] = None


class Movie(typing_extensions.TypedDict):
    title: str
    year: typing_extensions.NotRequired[int]


class Row(NamedTuple):
    name: str
    size: int = 1


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


Name = NewType("Name", str)
Pair = namedtuple("Pair", "a b")

SCHEMAS: list[tuple[Any, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (Any, {}),
    (object, {}),
    (list, {"type": "array"}),
    (dict, {"type": "object"}),
    (tuple, {"type": "array"}),
    (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    (list[list[int]], {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
    (typing.List[str], {"type": "array", "items": {"type": "string"}}),  # noqa: UP006 - as models write it
    (typing.List, {"type": "array"}),  # noqa: UP006
    (typing.Sequence[bool], {"type": "array", "items": {"type": "boolean"}}),
    (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
    (dict[Mood, Any], {"type": "object", "propertyNames": {"enum": ["good", "bad"]}}),
    (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}
        | {"minItems": 2, "maxItems": 2},
    ),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
    (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
    (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a", 1], {"enum": ["a", 1]}),
    (Mood, {"type": "string", "enum": ["good", "bad"]}),
    (Level, {"type": "string", "enum": ["LOW", "HIGH"]}),
    (["yes", "no"], {"type": "string", "enum": ["yes", "no"]}),
    ([int], {"type": "array", "items": {"type": "integer"}}),
    ([{"a": str}], {"type": "array", "items": json_schema({"a": str})}),
    (Name, {"type": "string"}),
    (Annotated[str, "what it is"], {"type": "string", "description": "what it is"}),
    (datetime.date, {"type": "string", "format": "date"}),
    ("list[str]", {"type": "array", "items": {"type": "string"}}),
    ("string", {"type": "string"}),
    ({}, {}),
    ({"type": "string"}, {"type": "string"}),
    ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
    ({"type": ["string", "null"], "description": "d"}, {"type": ["string", "null"], "description": "d"}),
    ({"enum": [1, None]}, {"enum": [1, None]}),
    ({"$ref": "#/$defs/A", "$defs": {"A": {}}}, {"$ref": "#/$defs/A", "$defs": {"A": {}}}),
    (
        {"label": str, "score": "number", "items": list[str], "type": "string"},
        {
            "type": "object",
            "properties": {
                "label": {"type": "string"},
                "score": {"type": "number"},
                "items": {"type": "array", "items": {"type": "string"}},
                "type": {"type": "string"},
            },
            "required": ["label", "score", "items", "type"],
            "additionalProperties": False,
        },
    ),
    (
        Point,
        {
            "type": "object",
            "title": "Point",
            "description": "A place.",
            "properties": {
                "x": {"type": "integer"},
                "y": {"type": "number", "default": 0.5},
                "names": {"type": "array", "items": {"type": "string"}, "description": "what it is called"},
            },
            "required": ["x"],
            "additionalProperties": False,
        },
    ),
    (
        Row,
        {
            "type": "object",
            "title": "Row",
            "properties": {"name": {"type": "string"}, "size": {"type": "integer", "default": 1}},
            "required": ["name"],
            "additionalProperties": False,
        },
    ),
    (
        Bare,
        {
            "$ref": "#/$defs/Bare",
            "$defs": {
                "Bare": {
                    "type": "object",
                    "title": "Bare",
                    "properties": {"a": {"anyOf": [{"$ref": "#/$defs/Bare"}, {"type": "null"}], "default": None}},
                    "required": [],
                    "additionalProperties": False,
                }
            },
        },
    ),
]


@pytest.mark.parametrize(("spec", "expected"), SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_schema_says_what_was_meant(spec: Any, expected: dict[str, Any]) -> None:
    """As JSON schema, and a valid one."""
    schema = json_schema(spec)
    assert schema == expected
    jsonschema.Draft202012Validator.check_schema(schema)
    json.dumps(schema)


def test_what_contains_itself_is_defined_once() -> None:
    """Also where two classes contain each other, and classes of one name are told apart."""
    inner = dataclasses.make_dataclass("Bare", [("b", Optional["Bare"])])
    schema = json_schema({"one": Bare, "two": Bare, "three": inner})
    assert set(schema["$defs"]) == {"Bare", "Bare1"}
    assert schema["properties"]["one"] == schema["properties"]["two"] == {"$ref": "#/$defs/Bare"}
    assert schema["properties"]["three"] == {"$ref": "#/$defs/Bare1"}
    jsonschema.validate({"one": {"a": {"a": None}}, "two": {}, "three": {"b": None}}, schema)


@pytest.mark.parametrize(
    "spec",
    [print, 5, object(), [], [str, int], {1: str}, {"a": print}, {"a": "no such type"}, typing.Callable, Point(1)],
)
def test_what_is_no_schema_is_refused(spec: Any) -> None:
    """With the list of what can be one, or with the name that is not there."""
    with pytest.raises(
        TypeError, match=r"it can be a type .*a dataclass.*or a JSON schema|there is no `no`|cannot be read"
    ):
        json_schema(spec)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "print()",
        "(lambda: 1)()",
        "a if b else c",
        "x[",
        "[i for i in x]",
        "1 + 1",
        "f'{x}'",
    ],
)
def test_an_annotation_that_is_text_is_not_evaluated(text: str) -> None:
    """Names, subscripts and unions are read; anything else is refused."""
    with pytest.raises(TypeError, match="cannot be read"):
        json_schema(text)


# What an answer becomes. ----------------------------------------------------------------------------------------------

VALUES: list[tuple[Any, list[Any]]] = [
    (str, ["a", "", 5, None, True, ["a"]]),
    (int, [5, "5", " 7 ", 5.0, 5.5, True, "x", None, 10**30, [1], float("inf"), float("nan")]),
    (float, [5, 5.5, "5.5", "x", None, True, "inf"]),
    (bool, [True, False, 1, 0, "true", "no", "x", 2, None, 1.0]),
    (type(None), [None, 0, ""]),
    (list[int], [[1, "2"], (1, 2), {1}, [], "12", {"a": 1}, [1, "x"], 5, None, deque([1])]),
    (set[int], [[1, 1, "1"], [[1]], {2}]),
    (tuple[int, str], [[1, "a"], (1, "a"), [1], [1, "a", 2], ["x", 1]]),
    (tuple[int, ...], [[1, "2"], []]),
    (dict[str, int], [{"a": 1}, {"a": "x"}, {}, [1], {1: 1}]),
    (dict[int, str], [{"1": "a"}, {"x": "a"}]),
    (int | str, [5, "5", "a", None, 5.5]),
    (float | None, [1, None, "2.5", "x"]),
    (str | list[str], ["a", ["a"], 5]),
    (Literal["a", 1, True], ["a", 1, True, "b", "1", None]),
    (Mood, ["good", "BAD?", Mood.BAD, None]),
    (list[Mood], [["good", "bad"], ["x"]]),
    (Point, [{"x": "1", "y": 2}, {"x": 1, "names": ["n"]}, {}, {"x": "z", "y": "z"}, Point(1), None, "x"]),
    (list[Point], [[{"x": 1}, {"x": 2, "y": 3}], [{"y": 1}, 5]]),
    (Movie, [{"title": "a"}, {"title": "a", "year": "1999"}, {"year": 1}, {"title": 5}]),
    (Row, [{"name": "a"}, {"name": "a", "size": "2"}, {"size": 2}]),
    (Bare, [{}, {"a": {"a": None}}, {"a": {"a": 5}}]),
    (datetime.date, ["2024-02-03", "2024-02-30", "x", datetime.date(2024, 1, 1)]),
    (datetime.datetime, ["2024-02-03T04:05:06", "x"]),
    (decimal.Decimal, ["1.50", 2, "x"]),
    (uuid.UUID, ["12345678-1234-5678-1234-567812345678", "x"]),
    (Annotated[int, pydantic.Field()], ["5", "x"]),
    (Any, [object, None, {"a": [1]}]),
]


@pytest.mark.parametrize(
    ("spec", "value"),
    [(spec, value) for spec, values in VALUES for value in values],
    ids=lambda item: f"{item!r:.40}",
)
def test_a_value_is_built_as_pydantic_builds_it(spec: Any, value: Any) -> None:
    """The same value of the same type, or a refusal where it refuses."""
    try:
        expected = pydantic.TypeAdapter(spec).validate_python(value)
    except pydantic.ValidationError as refusal:
        with pytest.raises(Misfit) as caught:
            build(spec, value)
        if not isinstance(value, tuple | set) and len(refusal.errors()) == len(caught.value.problems):
            places = {error["loc"] for error in refusal.errors() if typing.get_origin(spec) is None}
            assert not places or {where for where, _ in caught.value.problems} == places
        return
    built = build(spec, value)
    assert (type(built), repr(built)) == (type(expected), repr(expected))


def test_dates_of_the_enum_by_name_are_understood_too() -> None:
    """An Enum whose values say nothing is told by its names; both come back."""
    assert [build(Level, given) for given in ("LOW", 2, Level.HIGH)] == [Level.LOW, Level.HIGH, Level.HIGH]
    assert build(Mood, "GOOD") is Mood.GOOD


def test_a_plain_schema_leaves_the_value_as_it_is() -> None:
    """A JSON schema, and a dict of names, whose other names are dropped."""
    assert build({"type": "object"}, {"a": [1]}) == {"a": [1]}
    assert build({"a": int, "b": str | None}, {"a": "5", "b": None, "c": 1}) == {"a": 5, "b": None}
    assert build(Pair, {"a": 1, "b": [2]}) == Pair(1, [2])


def test_all_problems_are_told_with_their_places() -> None:
    """In one message."""
    with pytest.raises(Misfit) as caught:
        build({"rows": list[Point], "n": int, "m": str}, {"rows": [{"x": 1}, {"y": "z"}], "n": "z"})
    assert [where for where, _ in caught.value.problems] == [("m",), ("rows", 1, "x"), ("rows", 1, "y"), ("n",)]
    assert str(caught.value).startswith(
        "m: is missing; rows.1.x: is missing; rows.1.y: should be a float, not str 'z'; "
    )


def test_of_several_classes_the_one_that_is_meant_is_made() -> None:
    """By the names of its fields."""

    @dataclasses.dataclass
    class Loose:
        other: int = 0

    assert build(Loose | Point, {"x": 1}) == Point(1)
    assert build(Point | Loose, {"other": 1}) == Loose(1)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3),
    max_leaves=6,
)
_PLAIN = st.sampled_from([str, int, float, bool, type(None), Any])
_TYPES = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(
        inner.map(list.__class_getitem__),
        inner.map(lambda kind: dict.__class_getitem__((str, kind))),
        st.tuples(inner, inner).map(tuple.__class_getitem__),
        st.tuples(inner, inner).map(lambda pair: typing.Union[pair]),  # noqa: UP007
        st.dictionaries(st.sampled_from("abx"), inner, min_size=1, max_size=3).map(
            lambda fields: dataclasses.make_dataclass("Made", list(fields.items()))
        ),
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(_TYPES, _JSON)
def test_what_fits_the_schema_can_be_built(spec: Any, value: Any) -> None:
    """Whatever the host lets through becomes a value; and a JSON value that is one already stays what it is."""
    schema = written(shape_of(spec))
    if jsonschema.Draft202012Validator(schema).is_valid(value):
        built = build(spec, value)
        assert _plain(built) == _plain(value)


def _plain(value: Any) -> Any:
    """Without classes and kinds of numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
