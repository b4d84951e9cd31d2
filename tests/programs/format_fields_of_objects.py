class Obj:
    def __init__(self): self.name = "n"; self.d = {"k": 1}
o = Obj()
print("{0.name} {0.d[k]} {o.name!r:>5}".format(o, o=o))
