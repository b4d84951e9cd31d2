threshold = 300
is_slow = lambda lat: lat > threshold
pipeline = [str.strip, str.lower, lambda s: s.replace(" ", "_")]
# %%
lats = [int(w[8:-2]) for w in context.split() if w.startswith("latency=")]
print(len(lats), sum(1 for l in lats if is_slow(l)), len(list(filter(is_slow, lats))))
threshold = 800
print(sum(map(is_slow, lats)))
# %%
import functools
compose = lambda *fs: functools.reduce(lambda f, g: lambda x: g(f(x)), fs)
slug = compose(*pipeline)
print(slug("  Annual REPORT 2024 "))
adders = [lambda x, n=n: x + n for n in range(3)]
late = [lambda x: x + n for n in range(3)]
print([f(10) for f in adders], [f(10) for f in late])
# %%
class Scorer:
    weights = {"error": 3, "warn": 1}
    def score(self, text):
        return sum(w * text.lower().count(k) for k, w in self.weights.items() if k not in ignored)
ignored = set()
print(Scorer().score(context))
ignored.add("warn")
print(Scorer().score(context), (lambda: [threshold + i for i in range(2)])())
