from contextlib import contextmanager, ContextDecorator, redirect_stdout, redirect_stderr
import io, sys
class CD(ContextDecorator):
    def __enter__(self): print("in"); return self
    def __exit__(self, *exc): print("out", exc[0]); return False
@CD()
def f(): print("body")
f()
buf = io.StringIO()
old = sys.stdout
with redirect_stdout(buf):
    f()
print(repr(buf.getvalue()))
with redirect_stderr(io.StringIO()) as err:
    print("x", file=sys.stderr)
print(repr(err.getvalue()))
