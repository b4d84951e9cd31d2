import collections
class OC(collections.Counter, collections.OrderedDict): pass
print(OC("aab").most_common(1))
class DD(collections.defaultdict):
    def __missing__(self, k): self[k] = k * 2; return self[k]
print(DD()[4])
Pt = collections.namedtuple("Pt", "x y")
class Pt3(Pt):
    __slots__ = ()
    @property
    def n(self): return self.x + self.y
    def __add__(self, o): return Pt3(self.x + o.x, self.y + o.y)
print(Pt3(1,2).n, Pt3(1,2) + Pt3(3,4), Pt3(1,2)._replace(x=5), Pt.__doc__)
class Dq(collections.deque):
    def top(self): return self[-1]
print(Dq([1,2]).top())
