xs = [5, 3, 8, 1]
xs.append(7); xs.extend([2, 2]); xs.insert(0, 0); xs += [9]
print(xs, xs.pop(), xs.pop(0), xs.index(8), xs.count(2), xs.remove(2), xs)
xs.sort(reverse=True)
ys = xs[:]
ys.reverse()
print(xs, ys, sorted(xs) == ys, xs[1:3], xs[-2:], xs[::2], xs * 2 == xs + xs, [] or "empty", xs.copy() is xs)
xs[1:3] = []
xs[len(xs):] = ["end"]
xs[0] **= 2
xs[-1] += "!"
del xs[1::2]
print(xs, len(xs), [None] * 2, [[]] * 2, list("abc"), [*range(3), *"xy"], min([3, 1]), sum([[1], [2]], []))
a, (b, *c), *d = 1, (2, 3, 4), 5, 6
(e, f), g = "xy", [7]
[h, i] = {"k1": 1, "k2": 2}
print(a, b, c, d, e, f, g, h, i)
matrix = [[1, 2, 3], [4, 5, 6]]
print([list(r) for r in zip(*matrix)], [sum(r) for r in matrix], [x for r in matrix for x in r if x % 2], [[x * y for y in (1, 2)] for x in (3, 4)], max(map(max, matrix)))
stack, out = [1], []
while stack:
    n = stack.pop()
    if n < 20:
        out.append(n)
        stack.extend([n * 2, n * 3])
print(out, [1, 2] < [1, 3], [1, [2]] == [1, [2]], list(map(list, ["ab", "c"])), any([]), all([]), [i for i in range(3) for _ in range(i)])
first, last = context.split()[0], context.split()[-1]
xs = ys = []
xs.append(1)
print(first, last, ys, xs is ys, id(xs) == id(ys), [x if x > 1 else -x for x in [1, 2]], [x for x in range(20) if x % 2 if x % 3])
