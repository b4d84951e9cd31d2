_private = 1
__double = 2
_ = [x for _, x in [(1, "a"), (2, "b")]]
print(_private, __double, _)
for _ in range(2):
    pass
print(_)
def _helper(_x, *_rest, _flag=False):
    _y = _x * 2
    return _y, _rest, _flag
print(_helper(2, 3, _flag=True))
class _Internal:
    _count = 0
    __secret = "s"
    def __init__(self, _value=None):
        self._value = _value
        self.__mangled = [_value]
        type(self)._count += 1
        _Internal._last = self
    def _bump(self):
        self._value += 1
        self.__mangled.append(self._value)
        return self
    def reveal(self):
        return self.__secret, self.__mangled
    @classmethod
    def _make(cls):
        return cls(10)
o = _Internal._make()._bump()._bump()
print(o._value, o.reveal(), _Internal._count, o._Internal__secret, hasattr(o, "__mangled"), _Internal._last is o)
o._value -= 5
o._extra = {}
o._extra["k"] = o._value
print(o._extra, sorted(vars(o)), [n for n in dir(o) if n.startswith("_Internal")])
# %%
print(_private + __double, [_helper(i)[0] for i in range(3)], (lambda _: _ + 1)(1))
a, _, *_others = [1, 2, 3, 4]
print(a, _, _others)
