"""`pydantic` in a cell: programs print there what they print with the real one, which runs beside it here."""

from __future__ import annotations

import contextlib
import io
import re
import textwrap

import pytest

from rlm_graph.repl.policy import build_builtins, compile_cell

PROGRAMS = {
    "fields and defaults": """
        class Item(BaseModel):
            name: str
            price: float = 1
            tags: list[str] = []
            more: dict[str, int] | None = None
        a, b = Item(name="a"), Item(name="b", price="2.5", tags=("x", "y"), more={"k": "3"})
        a.tags.append("only here")
        print(a, b, repr(b), Item(name="c").tags, a == b, a == Item(name="a", tags=["only here"]), a.price)
        b.name = "renamed"
        print(b.name, dict(b), [k for k, v in b], hasattr(b, "nothing"), Item(name="z", unknown=1))
    """,
    "dumps": """
        class Kind(Enum):
            A = "a"
        class Part(BaseModel):
            kind: Kind = Kind.A
            when: date = date(2024, 1, 2)
        class Whole(BaseModel):
            parts: list[Part]
            by: dict[str, Part] = {}
            pair: tuple[int, str] = (1, "x")
            chosen: set[int] = {5}
            nothing: int | None = None
        w = Whole(parts=[Part(), {"when": "2024-02-03"}], by={"p": {}})
        print(w.model_dump(), w.model_dump(mode="json"), w.model_dump(exclude_none=True, exclude={"by", "parts"}))
        print(w.model_dump_json(), w.model_dump_json(indent=2), w.model_dump(include={"pair"}))
        print(Whole.model_validate(w.model_dump()) == w, Whole.model_validate_json(w.model_dump_json()) == w)
    """,
    "limits": """
        class A(BaseModel):
            n: int = Field(ge=0, le=10, description="a number")
            even: int = Field(2, multiple_of=2)
            text: Annotated[str, Field(min_length=1, max_length=3)] = "x"
            code: str = Field("A1", pattern=r"^[A-Z]\\d$")
            some: list[int] = Field(default_factory=list, max_length=2)
            share: Optional[float] = Field(None, gt=0, lt=1)
        print(A(n=5), A(n=0, share=0.5))
        for bad in ({}, {"n": 11}, {"n": -1, "even": 3}, {"n": 1, "text": ""}, {"n": 1, "code": "a1"}):
            problems(lambda: A(**bad))
        for bad in ({"n": 1, "some": [1, 2, 3]}, {"n": 1, "share": 1}, {"n": "x", "text": 5}, {"n": None}):
            problems(lambda: A(**bad))
    """,
    "nested and inherited": """
        class Base(BaseModel):
            "A base."
            id: int = 0
        class Node(Base):
            children: list["Node"] = []
            left: Optional["Node"] = None
            label: Literal["a", "b"] = "a"
        tree = Node(id="1", children=[{"id": 2, "children": [{"id": 3}]}, Node(id=4)], left={"label": "b"})
        print(tree, tree.children[0].children[0].id, isinstance(tree, Base), type(tree.left).__name__)
        for bad in ({"children": [{"id": "x"}, {"label": "c"}]}, {"left": 5}, {"children": {"id": 1}}):
            problems(lambda: Node(**bad))
    """,
    "validators": """
        class A(BaseModel):
            name: str
            size: int = 0
            @field_validator("name")
            @classmethod
            def strip(cls, v):
                if not v.strip(): raise ValueError("must not be empty")
                return v.strip()
            @field_validator("size", mode="before")
            @classmethod
            def clean(cls, v): return str(v).replace(",", "")
            @model_validator(mode="after")
            def whole(self):
                assert self.size < 1000 or self.name == "big", "too large"
                return self
            @model_validator(mode="before")
            @classmethod
            def old(cls, data): return {**data, "name": data.get("title", data.get("name"))}
        print(A(name=" a "), A(title="x", size="1,0"), A(name="big", size="5,000"))
        for bad in ({"name": "  "}, {"name": "x", "size": "1,000"}, {"name": "x", "size": "?"}):
            problems(lambda: A(**bad))
        class B(A):
            @field_validator("name")
            @classmethod
            def strip(cls, v): return v.upper()
        print(B(name=" b "))
    """,
    "aliases, extra, copies": """
        class A(BaseModel):
            model_config = ConfigDict(extra="forbid", populate_by_name=True)
            level: int = Field(1, alias="rank")
        a = A(rank=5)
        print(a, a.model_dump(), a.model_dump(by_alias=True), A(level=3), a.model_copy(update={"level": 9}), a)
        problems(lambda: A(rank=1, other=2))
        class Open(BaseModel):
            model_config = ConfigDict(extra="allow")
            x: int = 1
        print(Open(y=[1]), Open(y=[1]).y, Open(y=1).model_dump())
        class Deep(BaseModel):
            rows: list[list[int]] = [[1]]
        d = Deep(); shallow, deep = d.model_copy(), d.model_copy(deep=True)
        d.rows[0].append(2)
        print(shallow, deep, Deep())
    """,
    "errors": """
        class A(BaseModel):
            x: int
            rows: list[dict[str, float]] = []
        try: A(rows=[{"a": "b"}, {"c": 1}])
        except ValidationError as e:
            print(isinstance(e, ValueError), e.error_count(), [x["loc"] for x in e.errors()], str(e).splitlines()[0])
        try: A.model_validate_json("{")
        except ValidationError as e: print(e.error_count())
        try: A.model_validate([1])
        except ValidationError as e: print(e.error_count())
        print(A.model_validate({"x": "1"}), A.model_validate(A(x=1)))
        print(list(A.model_fields), A.model_fields["x"].is_required())
    """,
    "schemas": """
        class Part(BaseModel):
            n: int = Field(description="how many", ge=1)
        class A(BaseModel):
            "What it is."
            name: str = Field(min_length=2, examples=["ab"])
            part: Part
            kind: Literal["a", "b"] = "a"
        s = A.model_json_schema()
        fields = s["properties"]
        print(s["description"], s["required"], sorted(fields), fields["name"]["minLength"], fields["kind"]["enum"])
    """,
    "methods and properties": """
        class Box(BaseModel):
            w: float
            h: float = 2
            kind: ClassVar[str] = "box"
            @property
            def area(self): return self.w * self.h
            def scaled(self, by): return Box(w=self.w * by, h=self.h * by)
            def __str__(self): return f"{self.w}x{self.h}"
            def model_post_init(self, context): print("made", self)
        print(Box(w=3).area, Box(w=1).scaled(2), Box.kind, sorted([Box(w=3), Box(w=1)], key=lambda b: b.w))
        class Counted(BaseModel):
            n: int
            def __init__(self, n, **more): super().__init__(n=n + 1, **more)
        print(Counted(1), Counted.model_validate({"n": 5}))
        print(copy.deepcopy(Counted(1)) == Counted(1), json.dumps([x.model_dump() for x in [Counted(3)]]))
    """,
}

HEAD = """
import copy, json
from datetime import date
from enum import Enum
from typing import Annotated, ClassVar, Literal, Optional
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

def problems(make):
    try: print("made", make())
    except ValidationError as e: print(e.title, sorted(str(x["loc"]) for x in e.errors()))
"""


def in_dialect(source: str) -> str:
    """What a program prints in a cell."""
    printed: list[str] = []
    builtins = build_builtins(write=printed.append, show=print, names=dict)
    exec(compile_cell(source, "<cell 1>"), {"__builtins__": builtins, "__name__": "__main__"})
    return "".join(printed)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["values", "text"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_it_prints_with_the_real_one(
    name: str, future: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values, dumps, errors and their places; annotations may be text."""
    source = future + HEAD + textwrap.dedent(PROGRAMS[name])
    module = type(re)("a_cell")
    monkeypatch.setitem(__import__("sys").modules, "a_cell", module)  # where the real one looks for names
    plain = io.StringIO()
    with contextlib.redirect_stdout(plain):
        exec(compile(source, "<cell 1>", "exec", dont_inherit=True), vars(module))
    assert plain.getvalue()
    assert in_dialect(source) == plain.getvalue()


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("BaseModel()", "TypeError: derive a class of your own"),
        ("BaseModel.model_validate({})", "TypeError: derive a class of your own"),
        ("BaseModel.model_fields", "TypeError: derive a class of your own"),
        ("BaseModel.model_dump(json)", "TypeError: derive a class of your own"),
        ("BaseModel.model_copy(BaseModel)", "TypeError: derive a class of your own"),
        ("BaseModel.__init__(json, x=1)", "TypeError: derive a class of your own"),
        ("BaseModel.__eq__(json, json)", "TypeError: derive a class of your own"),
        ("list(BaseModel.__iter__(json))", "TypeError: derive a class of your own"),
        ("BaseModel.__repr__(json)", "TypeError: derive a class of your own"),
        ("Field(discriminator='kind')", "TypeError: Field() has no `discriminator` here; it has: default_factory"),
        ("field_validator('x')(len)", "TypeError: a validator must be a method of the class"),
        ("field_validator('x', mode='wrap')", "TypeError: mode='wrap' is not available here"),
        ("field_validator(3)", "TypeError: write @field_validator('name of the field'"),
        (
            "from pydantic import TypeAdapter",
            "ImportError: cannot import name 'TypeAdapter' from 'pydantic'; it has: Base",
        ),
        (
            "class A(BaseModel):\n    x: print\nA(x=1)",
            "TypeError: schema: <built-in function print> is not understood|print",
        ),
        ("class A(BaseModel):\n    x: 'no such'\nA(x=1)", "TypeError: the annotation 'no such' cannot be read"),
    ],
)
def test_what_is_not_there_is_refused_in_words(source: str, error: str) -> None:
    """And the insides of what is no model stay where they are."""
    with pytest.raises((TypeError, ImportError)) as caught:
        in_dialect(HEAD + source)
    shown = f"{type(caught.value).__name__}: {caught.value}"
    assert any(part in shown for part in error.split("|"))


def test_a_model_that_has_no_cell_below_it_can_be_made() -> None:
    """Threads call a class directly; its annotations as text name plain types."""
    source = """
        from __future__ import annotations
        from concurrent.futures import ThreadPoolExecutor
        from pydantic import BaseModel
        class A(BaseModel):
            x: list[int] | None
        with ThreadPoolExecutor(1) as pool:
            print(*pool.map(A.model_validate, [{"x": ["1"]}]))
    """
    assert in_dialect(textwrap.dedent(source)) == "x=[1]\n"
