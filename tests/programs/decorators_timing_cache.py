import functools
import time

def timed(label=None):
    def deco(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            t0 = time.perf_counter()
            try:
                return fn(*args, **kwargs)
            finally:
                wrapper.calls += 1
                wrapper.elapsed += time.perf_counter() - t0
        wrapper.calls = 0
        wrapper.elapsed = 0.0
        wrapper.label = label or fn.__name__
        return wrapper
    return deco

def memoize(fn):
    cache = {}
    @functools.wraps(fn)
    def inner(*args):
        if args not in cache:
            cache[args] = fn(*args)
        return cache[args]
    inner.cache = cache
    return inner

@timed("query")
@memoize
def ask(prompt):
    """Ask once per prompt."""
    return llm_query(prompt)

for p in ["a" * 10, "b" * 20, "a" * 10]:
    print(ask(p))
print(ask.calls, ask.label, ask.__name__, ask.__doc__, len(ask.__wrapped__.cache), ask.elapsed >= 0)

@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(80), fib.cache_info())
fib.cache_clear()
print(fib.cache_info().currsize)
