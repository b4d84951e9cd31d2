class Box: pass
b = Box(); b.n = 1; b.items = []; b.inner = Box(); b.inner.d = {"k": 1}
b.n += 2; b.n **= 3; b.items += [1, 2]; b.inner.d["k"] -= 5; b.n //= 2
x = [1, 2, 3]; x[0] += 1; x[1:] *= 2; s = {1}; s |= {2}; s -= {1}; d = {}; d |= {"a": 1}
print(b.n, b.items, b.inner.d, x, s, d)
del b.n
print(hasattr(b, "n"), hasattr(b, "items"))
