a = {1, 2, 3, 4}
b = set([3, 4, 5])
print(sorted(a | b), sorted(a & b), sorted(a - b), sorted(a ^ b), a <= {1, 2, 3, 4, 5}, a.isdisjoint({9}), {1} < a)
a.add(9)
a.discard(100)
a.remove(1)
a |= {7}
a &= {2, 3, 7, 9}
a -= {9}
a ^= {3, 4}
print(sorted(a), len(a), 2 in a, sorted(a.union([1], (0,))), sorted(a.intersection(range(5))))
try:
    a.remove(100)
except KeyError as e:
    print("KeyError", e)
fs = frozenset("abc")
print({fs: 1}[frozenset("cba")], sorted({len(w) for w in context.split()})[:5], sorted(set("hello") - set("help")))
users = {w for l in context.splitlines() if l.startswith("Date") for w in l.split() if w.isdigit()}
seen, dups = set(), set()
for u in sorted(users) + sorted(users)[:2]:
    (dups if u in seen else seen).add(u)
print(len(users), sorted(dups) == sorted(users)[:2], set().union(*[{1}, {2}]), set.intersection(*[{1, 2}, {2, 3}]), bool(set()))
powerset = [set()]
for x in [1, 2, 3]:
    powerset += [s | {x} for s in powerset]
print(len(powerset), sorted(map(sorted, powerset)))
