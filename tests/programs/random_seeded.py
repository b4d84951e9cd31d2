import random
random.seed(42)
print([random.randint(1, 100) for _ in range(5)], random.random(), random.choice("abc"))
lines = context.splitlines()
sample = random.sample(range(len(lines)), 5)
print(sorted(sample))
xs = list(range(8))
random.shuffle(xs)
print(xs, random.choices(["a", "b"], weights=[1, 9], k=5), round(random.uniform(1, 2), 6), random.randrange(0, 100, 10), random.getrandbits(8))
rng = random.Random(7)
print(rng.random(), rng.sample(["x", "y", "z"], 2), round(rng.gauss(0, 1), 6))
state = rng.getstate()
a = rng.random()
rng.setstate(state)
print(a == rng.random(), isinstance(rng, random.Random))
def reservoir(stream, k, seed=0):
    r = random.Random(seed)
    out = []
    for i, x in enumerate(stream):
        if i < k:
            out.append(x)
        elif (j := r.randint(0, i)) < k:
            out[j] = x
    return out
print(reservoir(range(1000), 4))
