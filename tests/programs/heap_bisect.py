import heapq
from bisect import bisect_left, bisect_right, insort

lats = [int(l.rsplit("=", 1)[1][:-2]) for l in context.splitlines() if "latency=" in l]
print(heapq.nlargest(3, lats), heapq.nsmallest(3, lats))
heap = []
for i, l in enumerate(lats[:10]):
    heapq.heappush(heap, (-l, i))
order = [heapq.heappop(heap) for _ in range(3)]
print([(-a, i) for a, i in order], len(heap))
xs = lats[:8]
heapq.heapify(xs)
print(xs[0], heapq.heappushpop(xs, 0), heapq.heapreplace(xs, 10_000) == min(lats[:8]), list(heapq.merge([1, 4], [2, 3], [0])))

grades = "FDCBA"
cuts = [60, 70, 80, 90]
print([grades[bisect_right(cuts, s)] for s in (33, 60, 77, 89, 90, 100)])
s = []
for v in [5, 1, 4, 2]:
    insort(s, v)
print(s, bisect_left(s, 4), bisect_right(s, 4))
starts = [i for i, ch in enumerate(context) if ch == "\n"]
print(bisect_left(starts, 1000) + 1 == context.count("\n", 0, 1000) + 1)

def dijkstra(graph, src):
    dist = {src: 0}
    pq = [(0, src)]
    while pq:
        d, u = heapq.heappop(pq)
        if d > dist.get(u, float("inf")):
            continue
        for v, w in graph.get(u, {}).items():
            nd = d + w
            if nd < dist.get(v, float("inf")):
                dist[v] = nd
                heapq.heappush(pq, (nd, v))
    return dist
print(dijkstra({"a": {"b": 2, "c": 5}, "b": {"c": 1}, "c": {"d": 1}}, "a"))
