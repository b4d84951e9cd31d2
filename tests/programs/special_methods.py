class Vec:
    __slots__ = ("x", "y")
    def __init__(self, x=0, y=0):
        self.x, self.y = x, y
    def __repr__(self): return f"Vec({self.x}, {self.y})"
    def __str__(self): return f"<{self.x};{self.y}>"
    def __format__(self, spec): return f"{self.x:{spec}}/{self.y:{spec}}" if spec else str(self)
    def __add__(self, o): return Vec(self.x + o.x, self.y + o.y)
    def __radd__(self, o): return self if o == 0 else NotImplemented
    def __sub__(self, o): return Vec(self.x - o.x, self.y - o.y)
    def __mul__(self, k): return Vec(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __neg__(self): return self * -1
    def __matmul__(self, o): return self.x * o.x + self.y * o.y
    def __abs__(self): return (self @ self) ** 0.5
    def __eq__(self, o): return isinstance(o, Vec) and (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
    def __bool__(self): return bool(self.x or self.y)
    def __iter__(self): return iter((self.x, self.y))
    def __getitem__(self, i): return (self.x, self.y)[i]
    def __len__(self): return 2
    def __contains__(self, v): return v in tuple(self)
    def __lt__(self, o): return abs(self) < abs(o)
    def __iadd__(self, o):
        self.x += o.x
        self.y += o.y
        return self
    def __call__(self, *f): return Vec(*(g(v) for g, v in zip(f, self)))
a, b = Vec(3, 4), Vec(1, 2)
print(a + b, a - b, 2 * a, a * 2, -a, a @ b, abs(a), a == Vec(3, 4), a != b, repr(sum([a, b])), f"{a:.1f} {a} {a!r}")
x, y = a
a += b
print(x, y, a[0], a[-1], len(a), 4 in a, bool(Vec()), sorted([a, b])[0], {Vec(1, 2): "k"}[b], a(abs, float), list(a), max(a, b), [*b])
class Matrix:
    def __init__(self, rows): self.rows = rows
    def __getitem__(self, key):
        if isinstance(key, tuple):
            i, j = key
            return self.rows[i][j]
        return self.rows[key]
    def __setitem__(self, key, value): self.rows[key[0]][key[1]] = value
    def __delitem__(self, i): del self.rows[i]
    def __missing__(self, k): return None
    def __getattr__(self, name):
        if name.startswith("row"):
            return self.rows[int(name[3:])]
        raise AttributeError(name)
m = Matrix([[1, 2], [3, 4]])
m[0, 1] = 20
m[1, 0] += 5
print(m[0, 1], m[1], m.row0, hasattr(m, "nothing"), getattr(m, "nope", "dflt"), m[0:1])
del m[0]
print(m.rows)
