def f(a, b=2, *args, c, d=4, **kw):
    return a, b, args, c, d, sorted(kw.items())
print(f(1, c=3), f(1, 2, 3, 4, c=5, z=6), f(*[1, 2], **{"c": 3, "y": 1}))
def g(x, /, y, *, z=0):
    return x + y + z
print(g(1, y=2), g(1, 2, z=3))
try:
    g(x=1, y=2)
except TypeError as e:
    print("TypeError positional-only:", "positional-only" in str(e))
try:
    f(1)
except TypeError as e:
    print(e)
def defaults(items=None, *, sep=", ", key=len):
    items = items or []
    return sep.join(sorted(items, key=key))
print(defaults(["ccc", "a", "bb"]), repr(defaults()), defaults(["b", "aa"], sep="|", key=lambda s: s))
def wrapper(*a, **k):
    return f(*a, **{"c": 0, **k})
print(wrapper(1), wrapper(1, c=9, q=1), (lambda *a, **k: (a, k))(1, b=2), (lambda a, /, b=1, *, c=2: a + b + c)(1, c=5))
print(max(*[1, 5], 3), print.__name__, f.__name__, [*map(lambda t: g(*t), [(1, 2), (3, 4)])], dict(**{"a": 1}, b=2))
args = iter([1, 2])
print(g(*args), "{}-{}".format(*"ab"), [*{"k": 1}], {*[1, 1]}, (*"ab", "c"))
def annotated(a: int, b: "str" = "x", *rest: float, flag: bool = False, **opts: dict[str, int]) -> tuple[int, ...]:
    return (a, len(b), len(rest), int(flag), len(opts))
print(annotated(1, "abc", 1.0, 2.0, flag=True, k={"a": 1}), sorted(annotated.__annotations__))
