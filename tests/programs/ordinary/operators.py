print(7 // 2, -7 // 2, 7 % -3, 2 ** -1, 1 << 4, 6 & 3, 6 | 3, 6 ^ 3, ~5, 10 / 4, 1_000, 0b11, 0o7, 0xF, 1e-3, 3 + 4j)
print("a" in "abc", [1] + [2], [0] * 3, (1,) < (2,), {1} <= {1, 2}, {"a"} & {"a", "b"}, "x" "y", not None, 1 and 2, 0 or 3)
class M:
    def __matmul__(self, o): return "mm"
    def __radd__(self, o): return f"r{o}"
print(M() @ M(), 1 + M(), sum([M()], 0))
x = 5
x += 1; x -= 2; x *= 3; x /= 2; x //= 1; x %= 4; x **= 2; print(x)
m = M(); m @= M(); print(m)
