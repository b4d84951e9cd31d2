def f(a, /, b, *args, c=1, **kw): return a, b, args, c, kw
print(f(1, 2, 3, c=4, d=5), f(*[1, 2], **{"c": 3}))
a, *b = "xyz"; [c, (d, *e)] = [1, (2, 3, 4)]
if (n := len(b)) > 1: print(n, b, c, d, e)
x = y = []; x.append(1); print(y, 1 < 2 < 3, 1 if x else 2, not x, x is y, [*x, *y], {**{"a": 1}})
while (line := "ab"[len(x) - 1 : len(x)]): x.append(line); 
print(x); del x[0], a
assert x, "msg"
for i in range(3):
    if i == 1: continue
    if i == 2: break
else: print("no")
print(i)
