class Strict:
    def __init__(self): super().__setattr__("log", []); object.__setattr__(self, "n", 0)
    def __setattr__(self, name, value): self.log.append(name); super().__setattr__(name, value)
    def __delattr__(self, name): super().__delattr__(name)
    def __new__(cls): return super().__new__(cls)
s = Strict(); s.n = 3; setattr(s, "m", 4); del s.m
print(s.n, s.log, getattr(s, "m", None))
class Bag:
    def __init__(self, **kw): self.__dict__.update(kw); self.__dict__["z"] = 1
print(vars(Bag(a=1)))
