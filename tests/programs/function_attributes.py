def f(x, acc=None):
    acc = [] if acc is None else acc
    acc.append(x); return acc
f.cache = {}
f.cache[1] = 2
def counter():
    counter.n = getattr(counter, "n", 0) + 1
    return counter.n
counter(); counter(); print(counter.n, f.cache, f.__dict__ if False else 1)
