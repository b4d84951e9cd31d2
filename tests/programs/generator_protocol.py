def coroutine_like():
    received = []
    try:
        while True:
            received.append((yield len(received)))
    except GeneratorExit:
        print("closed", received)
g = coroutine_like(); next(g); g.send("a"); g.close()
def delegator():
    r = yield from (i for i in range(2))
    return r
d = delegator()
print(list(d))
def g2():
    try: yield 1
    finally: print("fin")
for x in g2(): break
