import copy, json
class Node:
    def __init__(self, v): self.v = v; self.next = None; self._tags = {"a"}
n = Node([1]); n.next = n
m = copy.deepcopy(n); m.v.append(2); s = copy.copy(n)
print(n.v, m.v, m.next is m, s.v is n.v, m._tags == n._tags, m._tags is n._tags)
from collections import Counter, defaultdict, deque, OrderedDict
shared = [1]; data = {"a": shared, "b": shared, "c": (shared, Counter("aab"), deque([1], 5), {1, 2}, defaultdict(list, k=[3]))}
out = copy.deepcopy(data); out["a"].append(9)
print(out, out["a"] is out["b"], data["a"])
class Custom:
    def __deepcopy__(self, memo): return "deep"
    def __copy__(self): return "shallow"
print(copy.deepcopy([Custom()]), copy.copy(Custom()), copy.deepcopy(ValueError("x", 1)).args)
