from operator import itemgetter, attrgetter, methodcaller, mul, contains, neg
import operator
rows = [
    {"name": "bob", "score": 3, "dept": "x"},
    {"name": "alice", "score": 3, "dept": "y"},
    {"name": "carol", "score": 1, "dept": "x"},
]
print([r["name"] for r in sorted(rows, key=itemgetter("score", "name"))])
print([r["name"] for r in sorted(rows, key=lambda r: (-r["score"], r["name"]))])
print(sorted(sorted(rows, key=itemgetter("name")), key=itemgetter("dept"), reverse=True)[0]["name"])
print(list(map(itemgetter(0, -1), ["abc", "xyz"])), list(map(methodcaller("upper"), "ab")), list(map(mul, [1, 2], [3, 4])))

class P:
    def __init__(self, n, inner=None):
        self.n = n
        self.inner = inner
ps = [P(3, P(1)), P(1, P(9)), P(2, P(5))]
print([p.n for p in sorted(ps, key=attrgetter("n"))], [p.n for p in sorted(ps, key=attrgetter("inner.n"))])
ops = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, ">": operator.gt}
print([ops[o](6, 4) for o in "+-*/>"], contains([1, 2], 2), neg(5), operator.itemgetter(slice(1, 3))("abcdef"))
data = [("a", 1), ("b", 1), ("c", 0)]
data.sort(key=itemgetter(1))
print(data, sorted(data, key=itemgetter(1), reverse=True), max(data, key=itemgetter(1)), min(data, key=itemgetter(1)))
print(sorted(["B", "a", "C"], key=str.lower), sorted([None, 3, 1], key=lambda x: (x is None, x or 0)), sorted("hello", reverse=True))
