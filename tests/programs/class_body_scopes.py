x = 5
def outer():
    x = 1
    class C:
        y = x
        def m(self): return x
        z = [y for _ in range(2)] if False else y
    return C.y, C().m(), C.z
print(outer())
class D:
    vals = [1,2]
    n = len(vals)
    sq = [v*v for v in vals]
    try: import math
    except ImportError: math = None
    for i in range(2): pass
    if n: flag = "y"
    def __class_getitem__(cls, k): return f"D[{k}]"
print(D.sq, D.i, D.flag, D[3], D.math.pi > 3)
