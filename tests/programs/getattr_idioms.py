class Settings:
    debug = False
    def __init__(self, **options):
        for k, v in options.items():
            setattr(self, k, v)
    def method(self):
        return "called"

s = Settings(limit=5, names=["a"])
for attr in ("limit", "names", "missing", "debug"):
    print(attr, hasattr(s, attr), getattr(s, attr, None))
print(getattr(s, "method")(), getattr("abc", "upper")(), getattr([3, 1], "count")(3), vars(s), s.__dict__ == vars(s))
setattr(s, "limit", getattr(s, "limit") + 1)
delattr(s, "names")
print(s.limit, hasattr(s, "names"), sorted(k for k in dir(s) if not k.startswith("_")), s.__class__.__name__, type(s).__name__, type(s) is Settings)
for name in ["strip", "lower", "title"]:
    print(name, repr(getattr("  aB c ", name)()))
print(callable(getattr(s, "method", None)), isinstance(s, Settings), issubclass(Settings, object), Settings.__name__, Settings.__doc__, s.method.__name__)
Settings.debug = True
print(s.debug, Settings().debug, sorted(s.__dict__))
s.limit += 10
s.limit //= 4
print(s.limit, (lambda o: o.debug and o.limit)(s))
def fn(): "doc of fn"
fn.calls = 0
fn.calls += 1
print(fn.calls, fn.__doc__, fn.__name__, hasattr(fn, "calls"), getattr(fn, "nope", 0))
