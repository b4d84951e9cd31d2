import contextlib
@contextlib.contextmanager
def tag(name):
    print("<", name)
    try: yield name.upper()
    except KeyError: print("caught")
    finally: print(">", name)
with tag("a") as x, tag("b") as y: print(x, y)
with tag("c"): raise KeyError
class Res:
    def __enter__(self): self.open = True; return self
    def __exit__(self, *a): self.open = False
with Res() as r, contextlib.suppress(ZeroDivisionError): 1 / 0
print(r.open)
class H: pass
h = H()
with tag("d") as h.value: pass
for h.i in range(3): pass
(h.a, *h.b), h.c = (1, 2, 3), 4
print(h.value, h.i, h.a, h.b, h.c)
