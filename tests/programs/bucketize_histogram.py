lats = sorted(int(p.split("=")[1][:-2]) for p in context.split() if p.startswith("latency=") and p.endswith("ms"))
edges = [0, 50, 100, 250, 500, 750, 1000]
hist = {f"{lo}-{hi}": sum(lo <= x < hi for x in lats) for lo, hi in zip(edges, edges[1:])}
width = max(hist.values())
for label, n in hist.items():
    print(f"{label:>9} | {'█' * round(20 * n / width):<20} {n}")
cum = 0
for label, n in hist.items():
    cum += n
    print(f"{label}: {cum / len(lats):6.1%}", end="; ")
print()
print("p50/p90/p99:", *(lats[int(len(lats) * q)] for q in (0.5, 0.9, 0.99)))
buckets = [[] for _ in range(4)]
for x in lats:
    buckets[min(x // 250, 3)].append(x)
print([len(b) for b in buckets], [b[0] if b else None for b in buckets])
