USE_FAST = len(context) > 1000
if USE_FAST:
    def count(word):
        return context.count(word)
else:
    def count(word):
        return sum(1 for w in context.split() if w == word)
try:
    from functools import cache as memo
except ImportError:
    from functools import lru_cache
    memo = lru_cache(None)
@memo
def slow(n): return n * n
for name in ("fox", "ERROR"):
    def check(w=name): return w, count(w)
    print(check())
fns = {}
for op in ["upper", "lower", "title"]:
    fns[op] = lambda s, op=op: getattr(s, op)()
print({k: f("aB") for k, f in fns.items()}, slow(9))
class Config: pass
cfg = Config()
cfg.retries = 3
cfg.nested = Config()
cfg.nested.level = "deep"
cfg.nested.items = [1]
cfg.nested.items += [2]
cfg.retries **= 2
print(cfg.nested.level, cfg.nested.items, cfg.retries)
from types import SimpleNamespace
ns = SimpleNamespace(a=1, b=SimpleNamespace(c=[]))
ns.a += 1
ns.b.c.append(5)
ns.d = "new"
del ns.d
print(ns, vars(ns)["a"], ns == SimpleNamespace(a=2, b=SimpleNamespace(c=[5])))
