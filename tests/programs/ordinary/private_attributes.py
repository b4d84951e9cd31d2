class Node:
    def __init__(self, v, nxt=None): self._v, self._next = v, nxt
class Stack:
    _instances = 0
    def __init__(self): self._items = []; Stack._instances += 1
    def _grow(self, x): self._items.append(x); return self
    def push(self, x): return self._grow(x)
    def each(self, fn): return [fn(self, i) for i in self._items]
    def later(self): return lambda: self._items[-1]
    @classmethod
    def _make(cls): return cls()
class Sub(Stack):
    def push(self, x): return super()._grow(x * 2)
n = Node(1, Node(2)); walk = []
while n: walk.append(n._v); n = n._next
s = Sub._make().push(1).push(2)
print(walk, s._items, Stack._instances, s.each(lambda me, i: me._items.index(i)), s.later()(), [x._v for x in [Node(7)]])
def helper(obj): obj._items = obj._items + [0]; return sorted(o for o in obj._items)
print(helper(s), (lambda o: o._items)(s))
