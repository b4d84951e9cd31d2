n = 2 ** 521 - 1
print(len(str(n)), str(n)[:20], n % 1_000_007, n.bit_length(), pow(3, n, 1_000_003))
f = 1
for i in range(1, 101):
    f *= i
print(sum(map(int, str(f))), str(f)[-24:] == "0" * 24)
def fibs():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b
idx = next(i for i, v in enumerate(fibs()) if len(str(v)) >= 100)
print(idx)
from math import isqrt, lcm, gcd, comb
print(isqrt(10 ** 40), lcm(*range(1, 21)), gcd(2 ** 40, 6 ** 20), comb(100, 50), 10 ** 30 + 1, -(10 ** 18) // 7, int(1e22), 10 ** 25 == 1e25)
collatz = {1: 1}
def steps(k):
    path = []
    while k not in collatz:
        path.append(k)
        k = k // 2 if k % 2 == 0 else 3 * k + 1
    base = collatz[k]
    for i, p in enumerate(reversed(path), 1):
        collatz[p] = base + i
    return collatz[path[0]] if path else base
print(max(range(1, 2000), key=steps), steps(27))
