def hanoi(n, a, b, c): return [] if n == 0 else hanoi(n - 1, a, c, b) + [(a, c)] + hanoi(n - 1, b, a, c)
memo = {}
def ways(n):
    if n in memo: return memo[n]
    memo[n] = 1 if n < 2 else ways(n - 1) + ways(n - 2)
    return memo[n]
import sys
sys.setrecursionlimit(5000)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
print(len(hanoi(4, *"abc")), ways(60), depth(3000))
sys.setrecursionlimit(1000)
def endless(): return endless()
try: endless()
except RecursionError as e: print("deep")
