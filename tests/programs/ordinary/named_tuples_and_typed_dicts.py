from collections import namedtuple
from typing import NamedTuple, TypedDict, Protocol, runtime_checkable
class Row(NamedTuple):
    name: str
    n: int = 0
    def double(self): return self._replace(n=self.n * 2)
T = namedtuple("T", "a b", defaults=[5])
class Movie(TypedDict, total=False):
    title: str
@runtime_checkable
class Sized(Protocol):
    def size(self) -> int: ...
class Impl:
    def size(self): return 1
r = Row("x", 2)
print(r.double(), r._asdict(), Row._fields, T(1), T(1)._replace(b=2), T._make([3, 4]), T._field_defaults)
print(Movie(title="x"), isinstance(Impl(), Sized), isinstance(1, Sized), Row.__annotations__)
