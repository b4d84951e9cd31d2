from typing import Generic, TypeVar, Callable, Iterable, Literal, Union, Any, Annotated, get_type_hints, get_origin, get_args, cast, NewType, Self
T = TypeVar("T")
class Stack(Generic[T]):
    def __init__(self) -> None: self.items: list[T] = []
    def push(self, x: T) -> Self: self.items.append(x); return self
UserId = NewType("UserId", int)
Mode = Literal["a", "b"]
def f(x: Union[int, str], cb: Callable[[int], str] | None = None, *a: Any) -> "Stack[int]": return Stack[int]().push(1)
def g(x: int, y: str = "") -> bool: return True
print(f(1).items, get_type_hints(g), get_origin(list[int]), get_args(dict[str, int]), UserId(3), cast(int, "x"), get_args(Mode))
z: int = 3
w: "undefined"
print(z)
