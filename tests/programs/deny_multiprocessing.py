# policy: deny (multiprocessing)
from multiprocessing import Pool
with Pool(4) as p:
    print(p.map(len, context.splitlines()))
