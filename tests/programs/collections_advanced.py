from collections import Counter, defaultdict, deque, ChainMap, OrderedDict

c = Counter("mississippi")
d = Counter(s=1, i=5)
print(c - d, c + d, c & d, c | d, sorted(c.elements())[:3], c.total(), -Counter(a=-2), +Counter(a=0, b=1))
c.subtract("miss")
print(c, c["zzz"], c.most_common()[-1], dict(c), Counter({"a": 1}) == Counter("a"))
c.update({"m": 10})
print(c["m"], Counter(w[0] for w in context.split()).most_common(4))

tree = lambda: defaultdict(tree)
t = tree()
t["a"]["b"]["c"] = 1
t["a"]["x"]
print(t["a"]["b"]["c"], sorted(t["a"]), len(t))
nested = defaultdict(lambda: defaultdict(int))
for line in context.splitlines():
    if " service=" in line:
        _, _, level, svc, _ = line.split()
        nested[svc[8:]][level] += 1
print({k: dict(sorted(v.items())) for k, v in sorted(nested.items())}["alice"])
dd = defaultdict(list, {"k": [0]})
dd["k"].append(1)
print(dd, dd.get("none"), dd.default_factory, "none" in dd)

dq = deque([1, 2, 3, 4], maxlen=4)
dq.append(5)
dq.rotate(1)
dq.extendleft([9])
print(dq, dq.popleft(), dq.pop(), dq.index(2), list(reversed(dq)), dq.maxlen)
cm = ChainMap({"a": 1}, {"a": 2, "b": 3})
child = cm.new_child({"c": 4})
child["a"] = 100
print(cm["a"], child["a"], sorted(child), cm.maps, dict(cm))
od = OrderedDict([("x", 1), ("y", 2), ("z", 3)])
od.move_to_end("x")
print(list(od), od.popitem(last=False), od == OrderedDict(z=3, x=1))
