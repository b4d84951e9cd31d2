class P:
    def __init__(s, x): s.x = x; s._y = 2
    def m(this): return this.x + this._y
    @classmethod
    def mk(klass): return klass(1)
    @staticmethod
    def st(self): return self
print(P.mk().m(), P.st(3))
