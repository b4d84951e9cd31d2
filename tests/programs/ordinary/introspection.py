def f(a, b=2): "doc"; return a
class C:
    "c doc"
    z = 1
    def m(self): return 1
print(f.__name__, f.__doc__, C.__doc__, callable(f), type(1) is int, type("") == str, type(C()).__name__)
print(getattr(C(), "z"), getattr(C, "q", 5), hasattr(C, "m"), isinstance(C, type), type(C) is type, type(None))
print([n for n in dir(C) if not n.startswith("_")], vars(C)["z"], "f" in globals(), "nope" in locals(), "C" in dir())
print(type(3.5).__name__, type([]).__name__, type({}).__name__, type(type).__name__, type(f).__name__, type, type(int))
c = C(); setattr(c, "w", 3); print(vars(c), delattr(c, "w"), vars(c), isinstance(True, int), C.__class__.__name__)
import types
print(isinstance(f, types.FunctionType), type(f) is types.FunctionType, isinstance(c, type), issubclass(int, object))
print(type(re := __import__("re")).__name__, isinstance(f, (int, type)), list[int], dict[str, type] is not None)
