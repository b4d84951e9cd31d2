from dataclasses import dataclass, field, asdict, astuple, replace, fields, is_dataclass, make_dataclass, InitVar
from typing import ClassVar, Optional
@dataclass(order=True)
class P:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list, compare=False)
    total: ClassVar[int] = 0
    scale: InitVar[int] = 1
    def __post_init__(self, scale): self.x *= scale
@dataclass(frozen=True, slots=True)
class Q:
    name: str
    p: Optional[P] = None
@dataclass
class R(P):
    format: str = "json"
print(P(1, 2) < P(2), P(1, scale=5), asdict(Q("a", P(1, tags=["t"]))), astuple(P(3)), replace(P(1), y=7, scale=1))
print([f.name for f in fields(P)], is_dataclass(Q), Q("a") == Q("a"), hash(Q("a")) == hash(Q("a")), R(1).format)
try: Q("a").name = "b"
except Exception as e: print(type(e).__name__, e)
D = make_dataclass("D", [("a", int), ("b", str, "x"), "c"][:2])
print(D(1), D(1) == D(1, "x"), list(P.__annotations__), list(P.__dataclass_fields__))
