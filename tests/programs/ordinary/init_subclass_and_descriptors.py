registry = {}
class Plugin:
    def __init_subclass__(cls, /, key=None, **kw):
        super().__init_subclass__(**kw); registry[key or cls.__name__] = cls; cls.key = key
class A(Plugin, key="a"): pass
class B(Plugin): pass
class Positive:
    def __set_name__(self, owner, name): self.name = "_" + name
    def __get__(self, obj, owner=None): return self if obj is None else getattr(obj, self.name)
    def __set__(self, obj, value):
        if value <= 0: raise ValueError(self.name)
        setattr(obj, self.name, value)
class Item:
    price = Positive()
    def __init__(self, price): self.price = price
print(sorted(registry), A.key, B.key, Item(3).price)
try: Item(-1)
except ValueError as e: print(e)
