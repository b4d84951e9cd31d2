class AttrDict(dict):
    def __getattr__(self, k):
        try:
            return self[k]
        except KeyError:
            raise AttributeError(k) from None
    def __setattr__(self, k, v):
        self[k] = v
class Text(str):
    def words(self):
        return self.split()
    def __add__(self, other):
        return Text(str.__add__(self, other))
class SortedList(list):
    def append(self, x):
        super().append(x)
        self.sort()
class Money(float):
    def __str__(self):
        return f"${self:,.2f}"
    def __new__(cls, v):
        return super().__new__(cls, round(float(v), 2))
class Default(dict):
    def __missing__(self, k):
        self[k] = v = len(self)
        return v
d = AttrDict(a=1)
d.b = 2
print(d, d.a, d.b, hasattr(d, "zz"), d["b"])
t = Text("a b") + " c"
print(t, t.words(), type(t).__name__, isinstance(t, str), t.upper())
s = SortedList([3])
s.append(1)
s.append(2)
print(s, s[0], len(s), Money("1234.567"), Money(2) + 1, [str(Money(x)) for x in (1, 2.5)])
ids = Default()
print([ids[w] for w in "the cat the dog cat".split()], dict(ids))
class LimitedError(ValueError):
    code = 7
try:
    raise LimitedError("x")
except ValueError as e:
    print(e.code, e, type(e).__mro__[1].__name__)
class Upper(str):
    def __new__(cls, s):
        return str.__new__(cls, s.upper())
print(Upper("abc"), Upper("x") == "X", {Upper("k"): 1}["K"])
class T(tuple):
    @property
    def first(self): return self[0]
print(T([1, 2]).first, T((3,)) + (4,))
