import numbers
from collections.abc import Mapping, Sequence, Iterable, Callable, Hashable, Set, MutableMapping, Iterator
values = [1, 2.5, True, None, "s", b"b", [1], (1,), {1}, {"k": 1}, range(3), len, 1j, iter([]), frozenset()]
for v in values:
    tags = []
    if isinstance(v, numbers.Number): tags.append("num")
    if isinstance(v, numbers.Integral) and not isinstance(v, bool): tags.append("int")
    if isinstance(v, Mapping): tags.append("map")
    if isinstance(v, Sequence) and not isinstance(v, (str, bytes)): tags.append("seq")
    if isinstance(v, Iterable): tags.append("iter")
    if isinstance(v, Set): tags.append("set")
    if isinstance(v, Callable): tags.append("call")
    if isinstance(v, Hashable): tags.append("hash")
    print(type(v).__name__, tags)
print(isinstance(1, int | str), isinstance("x", (int, str)), issubclass(bool, (int,)), type(1) in (int, float), type(None).__name__, isinstance(3, type(4)))
class Bag(MutableMapping):
    def __init__(self, *a, **k):
        self._d = dict(*a, **k)
    def __getitem__(self, k): return self._d[k]
    def __setitem__(self, k, v): self._d[k] = v
    def __delitem__(self, k): del self._d[k]
    def __iter__(self): return iter(self._d)
    def __len__(self): return len(self._d)
b = Bag(a=1)
b.update(b=2)
b.setdefault("c", 3)
print(dict(b), b.get("z", 0), "a" in b, b.pop("a"), list(b.items()), isinstance(b, Mapping), b == {"b": 2, "c": 3})
class Countdown(Iterator):
    def __init__(self, n): self.n = n
    def __next__(self):
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return self.n + 1
print(list(Countdown(3)), sum(Countdown(4)), max(Countdown(2)), 2 in Countdown(3))
