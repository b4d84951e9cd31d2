try:
    def f(): raise KeyError("a")
    f()
except Exception as e:
    err = e
print(type(err).__name__, err.__class__.__name__, err.args, err.__context__, getattr(err, "__notes__", None))
try:
    raise TypeError("x") from err
except TypeError as e2:
    print(repr(e2.__cause__), e2.__cause__ is err, e2.__traceback__ is not None)
