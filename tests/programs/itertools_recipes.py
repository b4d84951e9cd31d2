import itertools
from itertools import islice, groupby, chain, accumulate, product, combinations, permutations, zip_longest, takewhile, dropwhile, pairwise, starmap, tee, count, cycle, repeat, compress, filterfalse

def chunked(iterable, n):
    it = iter(iterable)
    while batch := list(islice(it, n)):
        yield batch

def sliding(seq, n):
    its = tee(seq, n)
    for i, it in enumerate(its):
        next(islice(it, i, i), None)
    return zip(*its)

print(list(chunked(range(7), 3)), list(sliding("abcd", 2)), list(pairwise([1, 4, 9])))
words = sorted(["apple", "avocado", "bean", "beet", "cherry"])
print({k: list(g) for k, g in groupby(words, key=lambda w: w[0])})
print(list(chain.from_iterable([[1], [2, 3]])), list(accumulate([1, 2, 3, 4], lambda a, b: a * b)), list(accumulate([3, 1, 2], max, initial=0)))
print(list(product("ab", [1, 2])), len(list(combinations(range(6), 3))), ["".join(p) for p in permutations("abc", 2)])
print(list(zip_longest([1, 2, 3], "ab", fillvalue="-")), list(takewhile(lambda x: x < 3, count(1))), list(dropwhile(str.isalpha, "ab1c")))
print(list(islice(cycle("xy"), 5)), list(repeat(0, 3)), list(starmap(pow, [(2, 3), (3, 2)])), list(compress("abcd", [1, 0, 1, 0])))
print(list(filterfalse(lambda x: x % 2, range(6))), list(islice(itertools.count(10, 5), 3)))
levels = [l.split()[2] for l in context.splitlines() if " service=" in l]
runs = [(lv, sum(1 for _ in g)) for lv, g in groupby(levels)]
print(max(runs, key=lambda r: r[1]), len(runs))
