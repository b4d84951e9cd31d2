def read_lines(text):
    for line in text.splitlines():
        yield line.rstrip()

def grep(lines, needle):
    return (l for l in lines if needle in l)

def parse(lines):
    for l in lines:
        _, _, _, svc, lat = l.split()
        yield svc.partition("=")[2], int(lat.partition("=")[2][:-2])

def top(pairs, n):
    best = []
    for p in pairs:
        best.append(p)
        best.sort(key=lambda x: -x[1])
        del best[n:]
    yield from best

print(list(top(parse(grep(read_lines(context), "ERROR service")), 3)))

def running_average():
    total = count = 0
    avg = None
    while True:
        value = yield avg
        total += value
        count += 1
        avg = total / count

g = running_average()
next(g)
print([round(g.send(v), 2) for v in (10, 20, 60)])
g.close()

def flatten(x):
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from flatten(item)
    else:
        yield x
print(list(flatten([1, [2, (3, [4, [5]])], 6])))

def with_return():
    yield 1
    return "done"
def outer():
    result = yield from with_return()
    yield result
print(list(outer()))
gen = (i * i for i in range(3))
print(next(gen), next(gen), next(gen), next(gen, "empty"), sum(i for i in range(10) if i % 2))

def catcher():
    try:
        yield "a"
        yield "b"
    except ValueError as e:
        yield f"caught {e}"
    finally:
        print("cleanup")
c = catcher()
print(next(c), c.throw(ValueError("x")), next(c, None))
