import re
lines = context.splitlines()
matches = [m.group(1) for l in lines if (m := re.search(r"latency=(\d+)ms", l))]
print(len(matches), matches[:5])
if (n := len(lines)) > 100:
    print(f"{n} lines")
i = 0
while (i := context.find("Total:", i + 1)) != -1 and i < 3000:
    print(i, context[i:i + 18])
total = 0
running = [total := total + v for v in [1, 2, 3, 4]]
print(running, total, any((bad := l) for l in lines if "bob" in l), bad[:30])
data = iter([3, 1, 4, 1, 5, 0, 9])
out = []
while x := next(data):
    out.append(x * x)
print(out, [y := 2, y ** 2], (z := 10) + z)
print({k: v for k in "abc" if (v := ord(k) - 96) % 2}, f"{(w := 3)} {w + 1}")
