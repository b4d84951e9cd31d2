from functools import wraps, update_wrapper
import functools
def d(f):
    @wraps(f)
    def w(*a): return f(*a)
    return w
@d
def g(x: int) -> str:
    "doc"
    return str(x)
print(g.__name__, g.__doc__, g.__wrapped__(1), g.__annotations__, g.__module__)
class Memo:
    def __init__(self, f): functools.update_wrapper(self, f); self.f = f
    def __call__(self, *a): return self.f(*a)
    def __get__(self, o, t=None): return functools.partial(self, o)
class X:
    @Memo
    def m(self, y): return y
print(X().m(3), Memo(g).__name__)
