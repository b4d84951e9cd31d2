from types import SimpleNamespace, MappingProxyType
n = SimpleNamespace(a=1); n.b = 2; n.a += 5; n.sub = SimpleNamespace(); n.sub.x = [1]; n.sub.x[0] += 1
print(n, vars(n)["a"], sorted(n.__dict__), MappingProxyType({"k": 1})["k"])
from decimal import Decimal, getcontext
getcontext().prec = 6
print(Decimal(1) / Decimal(7))
from collections import defaultdict
d = defaultdict(lambda: defaultdict(int)); d["a"]["b"] += 1; d.default_factory = None
print(d["a"]["b"], "z" in d)
