class Typed:
    def __init__(self, kind, default=None):
        self.kind, self.default = kind, default
    def __set_name__(self, owner, name):
        self.name = "_" + name
    def __get__(self, obj, owner=None):
        if obj is None:
            return self
        return getattr(obj, self.name, self.default)
    def __set__(self, obj, value):
        if not isinstance(value, self.kind):
            raise TypeError(f"{self.name[1:]} must be {self.kind.__name__}, got {value!r}")
        setattr(obj, self.name, value)

class Chunk:
    start = Typed(int, 0)
    text = Typed(str, "")
    def __init__(self, start, text):
        self.start = start
        self.text = text
    @property
    def end(self):
        return self.start + len(self.text)
    @end.setter
    def end(self, value):
        self.text = self.text[: value - self.start]
    @end.deleter
    def end(self):
        self.text = ""

c = Chunk(10, context[10:60])
print(c.end, c.text[:9])
c.end = 15
print(c.end, repr(c.text), vars(c))
del c.end
print(repr(c.text), c.end)
try:
    c.start = "x"
except TypeError as e:
    print(e)
try:
    Chunk.end.fset(c, 11); c.nope
except AttributeError as e:
    print("AttributeError:", e)
class Temp:
    def __init__(self): self.__celsius = 20
    fahrenheit = property(lambda self: self.__celsius * 9 / 5 + 32)
t = Temp()
print(t.fahrenheit, t._Temp__celsius, hasattr(t, "__celsius"))
