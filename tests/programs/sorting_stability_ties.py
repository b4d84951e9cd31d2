from itertools import groupby
from functools import cmp_to_key
rows = [("b", 2, "x"), ("a", 2, "y"), ("c", 1, "x"), ("a", 1, "z")]
print(sorted(rows), sorted(rows, key=lambda r: r[1]), sorted(rows, key=lambda r: (r[1], r[0]), reverse=True))
rows.sort(key=lambda r: r[0])
rows.sort(key=lambda r: r[2], reverse=True)
print(rows)
def compare(a, b):
    if a[1] != b[1]:
        return b[1] - a[1]
    return -1 if a[0] < b[0] else 1 if a[0] > b[0] else 0
print(sorted(rows, key=cmp_to_key(compare)))
rank = {level: i for i, level in enumerate(["ERROR", "WARN", "INFO"])}
lines = [l.split()[2:4] for l in context.splitlines() if " service=" in l][:12]
for level, group in groupby(sorted(lines, key=lambda t: (rank[t[0]], t[1])), key=lambda t: t[0]):
    print(level, [s.partition("=")[2] for _, s in group])
natural = lambda s: [int(p) if p.isdigit() else p for p in __import__("re").split(r"(\d+)", s)]
print(sorted(["f10", "f9", "f1b", "f1a"], key=natural), sorted([3, -1, 2.5, True], key=abs), sorted({"b": 1, "a": 2}), sorted("bca", key="cab".index))
class P:
    def __init__(self, n): self.n = n
    def __lt__(self, o): return self.n < o.n
    def __repr__(self): return f"P{self.n}"
print(sorted([P(3), P(1)]), max([P(3), P(1)], key=lambda p: p.n), min([P(3), P(1)]), list(reversed(sorted([P(2), P(5)]))))
order = sorted(range(4), key=[30, 10, 40, 20].__getitem__)
print(order, [sorted(range(4), key=order.__getitem__)[i] for i in range(4)])
try:
    sorted([1, "a"])
except TypeError as e:
    print("TypeError:", e)
