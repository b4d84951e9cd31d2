def matmul(a, b):
    return [[sum(x * y for x, y in zip(row, col)) for col in zip(*b)] for row in a]
def transpose(m): return [*map(list, zip(*m))]
def identity(n): return [[int(i == j) for j in range(n)] for i in range(n)]
def power(m, k):
    r = identity(len(m))
    while k:
        if k & 1:
            r = matmul(r, m)
        m, k = matmul(m, m), k >> 1
    return r
def det(m):
    if len(m) == 1: return m[0][0]
    return sum((-1) ** j * m[0][j] * det([r[:j] + r[j + 1:] for r in m[1:]]) for j in range(len(m)))
m = [[1, 1], [1, 0]]
print(matmul(m, m), power(m, 30), det([[2, 0, 1], [1, 3, 2], [1, 1, 1]]), transpose([[1, 2, 3], [4, 5, 6]]))
class Matrix:
    def __init__(self, rows): self.rows = [list(r) for r in rows]
    def __matmul__(self, o): return Matrix(matmul(self.rows, o.rows))
    def __pow__(self, k): return Matrix(power(self.rows, k))
    def __getitem__(self, ij): return self.rows[ij[0]][ij[1]] if isinstance(ij, tuple) else self.rows[ij]
    def __setitem__(self, ij, v): self.rows[ij[0]][ij[1]] = v
    def __eq__(self, o): return self.rows == o.rows
    def __str__(self): return "\n".join(" ".join(f"{v:>4}" for v in r) for r in self.rows)
    __repr__ = __str__
    T = property(lambda self: Matrix(zip(*self.rows)))
A = Matrix([[1, 2], [3, 4]])
A[0, 1] += 10
A[1, 1] *= -1
A @= A
print(A, A.T[0, 1], A ** 2 == A @ A, A[0], sep="\n")
print(sum(A[i, i] for i in range(2)), [[f"{v:.1f}" for v in r] for r in A.rows])
