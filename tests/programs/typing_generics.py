from __future__ import annotations
from typing import Any, Callable, Dict, Generic, Iterable, Iterator, List, Literal, Optional, Protocol, Sequence, Tuple, TypeVar, Union, cast, runtime_checkable

T = TypeVar("T")
K = TypeVar("K", bound=str)
Mode = Literal["fast", "slow"]
JSON = Union[Dict[str, "JSON"], List["JSON"], str, int, None]

class Stack(Generic[T]):
    def __init__(self, items: Optional[Iterable[T]] = None) -> None:
        self._items: List[T] = list(items or ())
    def push(self, item: T) -> Stack[T]:
        self._items.append(item)
        return self
    def pop(self) -> T:
        return self._items.pop()
    def __len__(self) -> int:
        return len(self._items)

@runtime_checkable
class Summarizer(Protocol):
    def summarize(self, text: str) -> str: ...

class First:
    def summarize(self, text: str) -> str:
        return text[:10]

def apply(fn: Callable[[str], T], xs: Sequence[str]) -> Dict[str, T]:
    return {x: fn(x) for x in xs}

def pick(mode: Mode = "fast") -> Tuple[str, int]:
    return mode, len(mode)

s: Stack[int] = Stack([1]).push(2).push(3)
print(s.pop(), len(s), isinstance(First(), Summarizer), isinstance(3, Summarizer), apply(len, ["a", "bb"]), pick(), cast(int, "x"))
nodes: dict[str, list[Node]] = {}

class Node:
    parent: Node | None = None
    def __init__(self, name: str, *children: Node) -> None:
        self.name, self.children = name, list(children)
        for c in children:
            c.parent = self
    def path(self) -> str:
        return f"{self.parent.path()}/{self.name}" if self.parent else self.name
leaf = Node("leaf")
root = Node("root", Node("mid", leaf))
print(leaf.path(), Node.__annotations__, apply.__annotations__["fn"])
