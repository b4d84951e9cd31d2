import itertools
def count(n):
    try:
        for i in range(n):
            got = yield i
            if got: print("got", got)
    finally: print("closed")
def chain(*its):
    for it in its: r = yield from it
    return "done"
g = count(3)
print(next(g), g.send("hi"), list(g))
c = count(5); next(c); c.close()
def run():
    r = yield from chain("ab", [1])
    print(r)
print(list(run()), sum(x * x for x in range(4)), list(itertools.islice((i for i in itertools.count()), 3)))
