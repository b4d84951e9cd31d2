from concurrent.futures import ThreadPoolExecutor, as_completed
import threading, queue
def work(n): return n * n
with ThreadPoolExecutor(max_workers=4) as pool:
    print(list(pool.map(work, range(5))))
    futures = {pool.submit(work, n): n for n in range(3)}
    print(sorted((futures[f], f.result()) for f in as_completed(futures)))
lock, results, q = threading.Lock(), [], queue.Queue()
def add(i):
    with lock: results.append(i); q.put(i)
ts = [threading.Thread(target=add, args=(i,), daemon=True) for i in range(3)]
[t.start() for t in ts]; [t.join() for t in ts]
class Worker(threading.Thread):
    def __init__(self): super().__init__(); self.out = None
    def run(self): self.out = 5
w = Worker(); w.start(); w.join()
print(sorted(results), q.qsize(), w.out)
