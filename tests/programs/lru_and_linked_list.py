from collections import OrderedDict
class LRU(OrderedDict):
    def __init__(self, size):
        super().__init__()
        self.size = size
    def get(self, k, default=None):
        if k in self:
            self.move_to_end(k)
            return self[k]
        return default
    def put(self, k, v):
        self[k] = v
        self.move_to_end(k)
        if len(self) > self.size:
            self.popitem(last=False)
c = LRU(2)
c.put("a", 1); c.put("b", 2); c.get("a"); c.put("c", 3)
print(list(c.items()), c.get("b", "gone"))
class LinkedList:
    class _Node:
        __slots__ = "value", "next"
        def __init__(self, value, next=None):
            self.value, self.next = value, next
    def __init__(self, it=()):
        self._head = None
        self._len = 0
        for v in reversed(list(it)):
            self.push(v)
    def push(self, v):
        self._head = self._Node(v, self._head)
        self._len += 1
    def __iter__(self):
        n = self._head
        while n:
            yield n.value
            n = n.next
    def reverse(self):
        prev, cur = None, self._head
        while cur:
            cur.next, prev, cur = prev, cur, cur.next
        self._head = prev
        return self
    def __len__(self): return self._len
    def __repr__(self): return " -> ".join(map(str, self)) or "empty"
l = LinkedList(range(4))
print(l, len(l), l.reverse(), LinkedList(), 2 in l, max(l), sorted(l))
