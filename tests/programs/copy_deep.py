import copy
class Node:
    def __init__(self, v):
        self.v, self.next = v, None
a = Node(1)
a.next = a
b = copy.deepcopy(a)
print(b.next is b, b is not a, b.v)
grid = [[0] * 3] * 2
deep = copy.deepcopy(grid)
shallow = copy.copy(grid)
grid[0][0] = 9
print(grid, deep, shallow, deep[0] is deep[1])
d = {"l": [1], "t": (1, [2])}
e = d.copy()
f = copy.deepcopy(d)
d["l"].append(2)
d["t"][1].append(3)
print(e, f, copy.copy({1, 2}), copy.deepcopy((1, 2)) is not None, copy.copy("s") == "s")
class Custom:
    def __init__(self, x): self.x = x
    def __copy__(self): return Custom(("shallow", self.x))
    def __deepcopy__(self, memo): return Custom(("deep", copy.deepcopy(self.x, memo)))
print(copy.copy(Custom([1])).x, copy.deepcopy(Custom([1])).x)
from collections import defaultdict, deque, Counter
dd = copy.deepcopy(defaultdict(list, a=[1]))
dd["b"].append(2)
print(dict(dd), copy.deepcopy(deque([1, [2]])), copy.copy(Counter("aab")))
