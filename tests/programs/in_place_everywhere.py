class Acc:
    total = 0
    def __iadd__(self, o): self.total += o; return self
    def __enter__(self): return self
    def __exit__(self, *a): pass
acc = Acc(); acc += 5; acc += 6
holder = {"a": acc}; holder["a"] += 1
class H: pass
h = H(); h.acc = acc; h.acc += 1; h.lst = []; h.lst += [1]; h.d = {}; h.d["k"] = h.d.get("k", 0) + 1; h.d["k"] *= 7
print(acc.total, h.lst, h.d, Acc.total)
arr = [[0]*2 for _ in range(2)]; arr[0][1] += 5; i = 0; arr[i][i] -= 1; arr[-1][:] = [9, 9]; print(arr)
x = 7; x //= 2; x **= 3; x %= 10; x <<= 2; x |= 1; x ^= 3; x &= 0xff; x >>= 1; x -= 1; x /= 2; print(x)
s = {1}; s |= {2}; s -= {1}; t = (1,); t += (2,); st = "a"; st *= 3; print(s, t, st)
