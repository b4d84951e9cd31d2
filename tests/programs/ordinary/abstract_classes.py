from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Mapping, Iterable
class Shape(ABC):
    @property
    @abstractmethod
    def area(self): ...
class Sq(Shape):
    def __init__(self, s): self.s = s
    @property
    def area(self): return self.s ** 2
class M(metaclass=ABCMeta):
    @abstractmethod
    def f(self): ...
class D(Mapping):
    def __init__(self, d): self._d = d
    def __getitem__(self, k): return self._d[k]
    def __iter__(self): return iter(self._d)
    def __len__(self): return len(self._d)
try: Shape()
except TypeError as e: print("TypeError")
print(Sq(3).area, isinstance(Sq(1), Shape), dict(D({"a": 1})), D({"a": 1}).get("b", 2), isinstance([], Iterable))
class Virtual: pass
Shape.register(Virtual)
print(isinstance(Virtual(), Shape), type(Shape).__name__)
