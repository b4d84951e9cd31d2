import traceback
import sys
def risky(n):
    if n > 2:
        raise ValueError(f"n too large: {n}")
    return risky(n + 1)
try:
    risky(0)
except ValueError as e:
    last = traceback.format_exc().strip().splitlines()[-1]
    print(last)
    print("".join(traceback.format_exception_only(type(e), e)).strip())
    kind, value, tb = sys.exc_info()
    print(kind.__name__, value, tb is not None, kind is type(e), e.__traceback__ is not None if False else "")
errors = []
for item in [1, "x", None, [2]]:
    try:
        errors.append(("ok", int(item)))
    except (ValueError, TypeError) as exc:
        errors.append((exc.__class__.__name__, str(exc).split(":")[0]))
for e in errors:
    print(*e)
def attempt(fn, *a):
    try:
        return fn(*a), None
    except Exception as exc:
        return None, exc
v, err = attempt(int, "z")
print(v, err, type(err).__name__, isinstance(err, ValueError), attempt(len, "abc"))
print(sys.version_info >= (3, 11), sys.maxsize > 2 ** 31, sys.getsizeof([]) > 0, sys.getrecursionlimit() > 100)
