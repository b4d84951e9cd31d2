HANDLERS = {}

def handler(*names):
    def register(fn):
        for n in names:
            HANDLERS[n] = fn
        return fn
    return register

class CountCalls:
    def __init__(self, fn):
        self.fn = fn
        self.n = 0
    def __call__(self, *a, **kw):
        self.n += 1
        return self.fn(*a, **kw)

@handler("count", "n")
def count(text, word):
    return text.count(word)

@handler("first")
@CountCalls
def first(text, word):
    return text.find(word)

for op in ("count", "n", "first", "first"):
    print(op, HANDLERS[op](context, "ERROR"))
print(first.n, sorted(HANDLERS), HANDLERS["first"] is first)

def add_repr(cls):
    cls.__repr__ = lambda self: f"<{cls.__name__} {', '.join(f'{k}={v!r}' for k, v in vars(self).items())}>"
    return cls

@add_repr
class Thing:
    def __init__(self, **kw):
        self.__dict__.update(kw)
print(Thing(a=1, b="x"))
