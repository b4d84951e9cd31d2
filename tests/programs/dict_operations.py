a = {"x": 1, "y": 2}
b = {"y": 20, "z": 30}
print(a | b, {**b, **a}, a.keys() & b.keys(), sorted(a.items() - b.items()), sorted(a.keys() ^ b.keys()))
a |= {"w": 0}
print(a, a.pop("w"), a.pop("none", "dflt"), a.get("q"), a.setdefault("q", []), a)
a["q"] += [1]
a.update(r=5, **{"s t": 6})
print(a, len(a), "x" in a, list(a), list(reversed(a)), a.popitem())
inv = {v: k for k, v in b.items()}
print(inv, dict.fromkeys("abc", 0), dict([("k", 1)]), dict(zip("ab", range(2))), sorted(b, key=b.get, reverse=True), max(b, key=b.get))
del b["y"]
print(b, {k: v for k, v in sorted(b.items(), key=lambda kv: kv[1])}, list(b.values()), b == {"z": 30}, not {})
for k in list(a):
    if k not in "xy":
        del a[k]
print(a, dict(a) is a, a.copy() == a, {1: "int", 1.0: "float", True: "bool"}, {(1, 2): "tuple"}[1, 2])
class Missing(dict):
    def __missing__(self, key):
        return f"<{key}>"
m = Missing(a=1)
print(m["a"], m["zz"], m.get("zz"), "{a} {zz}".format_map(m))
nested = {}
for path, v in [("a.b", 1), ("a.c", 2), ("d", 3)]:
    node = nested
    *parents, leaf = path.split(".")
    for p in parents:
        node = node.setdefault(p, {})
    node[leaf] = v
print(nested)
groups = {}
for w in "the cat ate the rat then left".split():
    groups.setdefault(len(w), []).append(w)
print(groups, {k: sorted(set(v)) for k, v in groups.items()}, next(iter(groups)), [*groups.values()][0])
