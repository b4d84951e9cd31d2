from collections import deque
import heapq
graph = {"a": {"b": 1, "c": 4}, "b": {"c": 2, "d": 5}, "c": {"d": 1}, "d": {}}
def dijkstra(start):
    dist, heap = {start: 0}, [(0, start)]
    while heap:
        d, u = heapq.heappop(heap)
        if d > dist.get(u, float("inf")): continue
        for v, w in graph[u].items():
            if (nd := d + w) < dist.get(v, float("inf")):
                dist[v] = nd; heapq.heappush(heap, (nd, v))
    return dist
seen, todo = {"a"}, deque(["a"])
while todo:
    for v in graph[todo.popleft()]:
        if v not in seen: seen.add(v); todo.append(v)
from graphlib import TopologicalSorter
print(dijkstra("a"), sorted(seen), list(TopologicalSorter({"d": {"c"}, "c": {"a"}}).static_order()))
