from __future__ import annotations
from dataclasses import dataclass
@dataclass
class A:
    x: int
    nxt: A | None = None
def f(a: Undefined) -> list[A]: return [a]
print(A(1, A(2)), f(3), A.__annotations__)
