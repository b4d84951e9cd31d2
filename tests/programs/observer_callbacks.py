from collections import defaultdict
from functools import partial
class Bus:
    def __init__(self): self._subs = defaultdict(list)
    def on(self, event, fn=None, *, once=False):
        if fn is None:
            return partial(self.on, event, once=once)
        self._subs[event].append((fn, once))
        return fn
    def emit(self, event, *a, **k):
        keep, results = [], []
        for fn, once in self._subs[event]:
            results.append(fn(*a, **k))
            if not once:
                keep.append((fn, once))
        self._subs[event][:] = keep
        return results
bus = Bus()
@bus.on("found")
def log(x, **_):
    return f"log {x}"
@bus.on("found", once=True)
def first(x, score=0):
    return ("first", x, score)
bus.on("done", lambda: "bye")
print(bus.emit("found", 1, score=2), bus.emit("found", 2), bus.emit("done"), bus.emit("none"))
class Undo:
    def __init__(self): self.stack, self.value = [], []
    def do(self, fn, undo):
        fn(); self.stack.append(undo)
    def undo(self): return self.stack.pop()()
u = Undo()
u.do(lambda: u.value.append(1), lambda: u.value.pop())
u.do(lambda: u.value.append(2), lambda: u.value.pop())
print(u.value, u.undo(), u.value, callable(u.undo), bus.emit.__name__)
