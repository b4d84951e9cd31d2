import functools, time
from functools import wraps, lru_cache, partial, cached_property, reduce, singledispatch, total_ordering, cache
def logged(prefix="> "):
    def deco(f):
        @wraps(f)
        def inner(*a, **k):
            inner.calls += 1
            return prefix + str(f(*a, **k))
        inner.calls = 0
        return inner
    return deco
@logged(prefix="! ")
def add(a: int, b: int = 1) -> int:
    "adds"
    return a + b
@lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class C:
    @cached_property
    def slow(self): print("once"); return 42
@singledispatch
def show(x): return "obj"
@show.register
def _(x: int): return "int"
@show.register(list)
def _(x): return "list"
@total_ordering
class V:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __lt__(self, o): return self.n < o.n
c = C()
print(add(1, b=2), add.calls, add.__name__, add.__doc__, add.__wrapped__(1), add.__annotations__)
print(fib(50), fib.cache_info().hits, c.slow, c.slow, show(1), show([]), show("s"), V(1) <= V(2))
print(partial(int, base=2)("101"), reduce(lambda a, b: a * b, range(1, 6)))
