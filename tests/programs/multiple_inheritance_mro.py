class Base:
    def __init__(self, **kw):
        self.trail = ["Base"]
        for k, v in kw.items():
            setattr(self, k, v)
    def hello(self):
        return "base"
class LogMixin(Base):
    def __init__(self, *, prefix="", **kw):
        super().__init__(**kw)
        self.prefix = prefix
        self.trail.append("Log")
    def hello(self):
        return self.prefix + "log>" + super().hello()
class CountMixin(Base):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.count = 0
        self.trail.append("Count")
    def hello(self):
        self.count += 1
        return f"count{self.count}>" + super().hello()
class Agent(LogMixin, CountMixin):
    def hello(self):
        return "agent>" + super().hello()
a = Agent(prefix=":", name="n")
print(a.hello(), a.hello(), a.trail, a.name, a.count)
print([c.__name__ for c in Agent.__mro__], issubclass(Agent, CountMixin), Agent.__bases__[0].__name__, super(Agent, a).hello())
class Singleton:
    _instance = None
    def __new__(cls, *args):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance.made = 0
        cls._instance.made += 1
        return cls._instance
print(Singleton() is Singleton(), Singleton().made)
class Outer:
    class Inner:
        value = 5
        def up(self):
            return Outer.factor * self.value
    factor = 3
    inner = Inner()
    table = {k: v for k, v in zip("ab", range(2))}
    rows = [factor for _ in range(2)] if False else [3] * 2
print(Outer.inner.up(), Outer.Inner.value, Outer.table, Outer.rows)
print(isinstance(Agent, type), type(a) == Agent, a.__class__ is Agent, Agent.__qualname__, Outer.Inner.__qualname__, Agent.__module__)
