from functools import lru_cache
def levenshtein(a, b):
    prev = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        cur = [i]
        for j, cb in enumerate(b, 1):
            cur.append(min(prev[j] + 1, cur[-1] + 1, prev[j - 1] + (ca != cb)))
        prev = cur
    return prev[-1]
print(levenshtein("kitten", "sitting"), levenshtein("", "abc"))
@lru_cache(maxsize=None)
def lcs(i, j):
    if i == len(A) or j == len(B): return ""
    if A[i] == B[j]: return A[i] + lcs(i + 1, j + 1)
    return max(lcs(i + 1, j), lcs(i, j + 1), key=len)
A, B = "AGGTABQX", "GXTXAYBX"
print(lcs(0, 0), lcs.cache_info().currsize)
def knapsack(items, cap):
    best = [0] * (cap + 1)
    for w, v in items:
        for c in range(cap, w - 1, -1):
            best[c] = max(best[c], best[c - w] + v)
    return best[cap]
print(knapsack([(3, 4), (4, 5), (7, 10), (8, 11)], 15))
grid = [[(r * 7 + c * 3) % 10 for c in range(5)] for r in range(4)]
cost = [[0] * 5 for _ in range(4)]
for r in range(4):
    for c in range(5):
        cost[r][c] = grid[r][c] + min(([cost[r - 1][c]] if r else []) + ([cost[r][c - 1]] if c else []) or [0])
print(cost[-1][-1])
def solve(board, n, row=0):
    if row == n:
        yield tuple(board)
        return
    for col in range(n):
        if all(col != c and abs(col - c) != row - r for r, c in enumerate(board)):
            yield from solve(board + [col], n, row + 1)
print(sum(1 for _ in solve([], 6)), next(solve([], 8)))
memo = {}
def coins(total, kinds=(25, 10, 5, 1)):
    if (key := (total, kinds)) not in memo:
        memo[key] = 1 if total == 0 else 0 if total < 0 or not kinds else coins(total - kinds[0], kinds) + coins(total, kinds[1:])
    return memo[key]
print(coins(100))
