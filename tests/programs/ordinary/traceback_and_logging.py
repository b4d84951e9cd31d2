import traceback, sys, contextlib, io, warnings, pprint
def f(): raise ValueError("boom")
try: f()
except ValueError as e:
    text = traceback.format_exc(); kind, value, tb = sys.exc_info()
    print(text.strip().splitlines()[-1], kind.__name__, value is e, "in f" in text, tb is not None)
    print("".join(traceback.format_exception_only(type(e), e)).strip(), len(traceback.format_exception(type(e), e, e.__traceback__)) > 2)
buf = io.StringIO()
with contextlib.redirect_stdout(buf): print("hidden")
print(repr(buf.getvalue())); sys.stdout.write("direct\n"); sys.stdout.flush()
pprint.pprint({"b": list(range(30)), "a": {"x": "y" * 50, "z": "w" * 30}}); print(sys.maxsize > 1, sys.version_info >= (3, 11))
print("to buffer", file=buf, end=""); print(buf.getvalue().endswith("to buffer"))
