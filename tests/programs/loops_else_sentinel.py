for word in ["alpha", "beta", "gamma"]:
    if word.startswith("z"):
        break
else:
    print("no z word")
n = 10
while n > 0:
    n -= 3
    if n == 4:
        continue
    if n < 0:
        break
else:
    print("never")
print(n)
import io
f = io.StringIO("abcdefgh")
print([block for block in iter(lambda: f.read(3), "")])
it = iter([1, 2, 3])
print(next(it), next((x for x in it if x > 5), "default"), list(it), next(it, None))
for i, (a, b) in enumerate(zip("ab", [1, 2], strict=True), start=1):
    print(i, a, b)
try:
    list(zip([1], [1, 2], strict=True))
except ValueError as e:
    print("zip:", e)
primes = [p for p in range(2, 30) if all(p % d for d in range(2, int(p ** 0.5) + 1))]
print(primes, any(p > 28 for p in primes), list(reversed(primes))[:3], list(range(10))[::-3], list(enumerate("ab", 5)))
for x in range(3): print(x, end=" ")
print()
i = j = 0
while True:
    i += 1
    if i % 2: continue
    j += i
    if i >= 6: break
print(i, j)
for i in range(3):
    for k in range(3):
        if k == i:
            break
        print((i, k), end=";")
    else:
        print("full", i)
print()
squares = {}
for squares["i"] in range(3):
    pass
print(squares, sum(range(0)), min(range(5), key=lambda v: abs(v - 3)), list(map(lambda a, b: a + b, [1, 2], [3, 4])), list(filter(None, [0, 1, "", "a"])))
