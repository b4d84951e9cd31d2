total = 0
def bump(by=1):
    global total
    total += by
    def inner():
        nonlocal by
        by += 1
        return by
    return inner
g = bump(3)
print(total, g(), g())
fs = [lambda x, i=i: x + i for i in range(3)]
print([h(10) for h in fs], (lambda *a, k=2, **kw: (a, k, kw))(1, z=3))
def outer():
    xs = [total + i for i in range(2)]
    return {k: [total + v for v in xs] for k in "ab"}
print(outer(), [y for x in range(3) if (y := x * total) > 0], y)
_private, __x = 1, 2
for _ in range(2): _private += __x
print(_private, __x, _)
