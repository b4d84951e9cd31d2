from collections import deque, defaultdict
import re
graph = defaultdict(set)
for a, b in re.findall(r"Contact (\w+)\.(\w+)@", context):
    if a != b:
        graph[a].add(b)
        graph[b].add(a)
print({k: len(v) for k, v in sorted(graph.items())})
def bfs(start, goal):
    queue, prev = deque([start]), {start: None}
    while queue:
        node = queue.popleft()
        if node == goal:
            path = []
            while node:
                path.append(node)
                node = prev[node]
            return path[::-1]
        for nxt in sorted(graph[node]):
            if nxt not in prev:
                prev[nxt] = node
                queue.append(nxt)
print(bfs("alice", "frank"), bfs("alice", "nobody"))
class UnionFind:
    def __init__(self): self.p = {}
    def find(self, x):
        self.p.setdefault(x, x)
        while self.p[x] != x:
            self.p[x] = self.p[self.p[x]]
            x = self.p[x]
        return x
    def union(self, a, b): self.p[self.find(a)] = self.find(b)
uf = UnionFind()
for a in "abc": uf.union(a, "a")
uf.union("x", "y")
print(len({uf.find(v) for v in "abcxyz"}), uf.find("b") == uf.find("c"))
from graphlib import TopologicalSorter
print(list(TopologicalSorter({"d": {"b", "c"}, "b": {"a"}, "c": {"b"}}).static_order()))
def dfs(n, seen=None):
    seen = seen if seen is not None else set()
    if n in seen: return seen
    seen.add(n)
    for m in graph[n]: dfs(m, seen)
    return seen
print(sorted(dfs("bob")))
