from contextlib import contextmanager, suppress, ExitStack, nullcontext, redirect_stdout, closing
import io

class Timer:
    def __init__(self, label):
        self.label = label
    def __enter__(self):
        print("start", self.label)
        return self
    def __exit__(self, exc_type, exc, tb):
        print("end", self.label, exc_type.__name__ if exc_type else None)
        return exc_type is KeyError

with Timer("one") as t:
    print(t.label)
with Timer("two"):
    raise KeyError("swallowed")

@contextmanager
def section(title):
    print(f"<{title}>")
    try:
        yield title.upper()
    except ValueError as e:
        print("section caught", e)
    finally:
        print(f"</{title}>")

with section("a") as up, section("b"):
    print(up)
    raise ValueError("v")
with suppress(ZeroDivisionError, KeyError):
    1 / 0
buf = io.StringIO()
with redirect_stdout(buf):
    print("captured", 1)
print(repr(buf.getvalue()))
with ExitStack() as stack:
    for i in range(2):
        stack.enter_context(Timer(i))
    stack.callback(print, "callback")
with nullcontext(5) as five, closing(io.StringIO("x")) as f:
    print(five, f.read())
with (
    Timer("p") as p,
    Timer("q"),
):
    pass
