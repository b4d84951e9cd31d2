class Vec:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, o): return Vec(self.x + o.x, self.y + o.y)
    def __iadd__(self, o): self.x += o.x; self.y += o.y; return self
    def __mul__(self, k): return Vec(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __iter__(self): yield self.x; yield self.y
    def __len__(self): return 2
    def __getitem__(self, i): return (self.x, self.y)[i]
    def __setitem__(self, i, v): setattr(self, "xy"[i], v)
    def __contains__(self, v): return v in (self.x, self.y)
    def __bool__(self): return bool(self.x or self.y)
    def __call__(self, *a): return a
    def __format__(self, spec): return f"<{self.x:{spec}}|{self.y:{spec}}>"
    def __enter__(self): return self
    def __exit__(self, *exc): print("exit", exc[0] and exc[0].__name__); return True
    def __getattr__(self, name): return f"no {name}"
v = Vec(1, 2); v += Vec(1, 1); v[0] = 9
print(list(2 * v + v), len(v), 9 in v, bool(Vec(0, 0)), v(3), f"{v:03d}", v.nothing, v.__len__(), [*v])
with v as w: raise KeyError("x")
class Tree:
    def __init__(self, value, *children): self.value, self._children = value, children
    def walk(self):
        yield self.value
        for child in self._children: yield from child.walk()
print(list(Tree(1, Tree(2, Tree(3)), Tree(4)).walk()))
