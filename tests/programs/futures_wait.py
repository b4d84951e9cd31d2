from concurrent.futures import ThreadPoolExecutor, wait, FIRST_COMPLETED
ex = ThreadPoolExecutor(2)
f = ex.submit(lambda: 5)
f.add_done_callback(lambda fut: None)
done, pending = wait([f, ex.submit(lambda: 1/0)])
print(len(done), f.result(), sorted(type(d.exception()).__name__ for d in done))
ex.shutdown(wait=True)
