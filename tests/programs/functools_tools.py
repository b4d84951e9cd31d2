import functools
import operator
from functools import reduce, partial, cmp_to_key, cached_property, singledispatch, total_ordering, singledispatchmethod, cache

print(reduce(operator.add, [[1], [2], [3]], []), reduce(lambda a, b: a * 10 + b, [1, 2, 3]))
ask_json = partial(llm_query, model="small")
print(ask_json("give JSON").count("\n"), partial(int, base=2)("101"), list(map(partial(pow, 2), range(5))))
print(sorted(["b10", "a2", "b9"], key=cmp_to_key(lambda x, y: (int(x[1:]) > int(y[1:])) - (int(x[1:]) < int(y[1:])))))

class Doc:
    def __init__(self, text):
        self.text = text
        self.computed = 0

    @cached_property
    def words(self):
        self.computed += 1
        return self.text.split()

d = Doc(context)
print(len(d.words), len(d.words), d.computed)

@singledispatch
def show(x):
    return f"other {x!r}"

@show.register
def _(x: int):
    return f"int {x}"

@show.register(list)
def _show_list(x):
    return f"list of {len(x)}"

print(show(3), show([1]), show("s"), show(True))

@total_ordering
class Version:
    def __init__(self, s):
        self.parts = tuple(map(int, s.split(".")))
    def __eq__(self, o):
        return self.parts == o.parts
    def __lt__(self, o):
        return self.parts < o.parts
    def __repr__(self):
        return "v" + ".".join(map(str, self.parts))

vs = [Version("1.10"), Version("1.9.2"), Version("1.2")]
print(sorted(vs), max(vs), Version("1.0") <= Version("1.0"), vs[0] >= vs[1])

@cache
def ways(n):
    return 1 if n <= 1 else ways(n - 1) + ways(n - 2)
print(ways(50), ways.cache_info().misses)
