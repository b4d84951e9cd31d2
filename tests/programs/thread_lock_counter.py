import threading
from queue import Queue, Empty

lock = threading.Lock()
totals = {"lines": 0, "errors": 0}
work = Queue()
lines = context.splitlines()
for i in range(0, len(lines), 50):
    work.put(lines[i:i + 50])

def worker():
    while True:
        try:
            batch = work.get_nowait()
        except Empty:
            return
        errors = sum("ERROR" in l for l in batch)
        with lock:
            totals["lines"] += len(batch)
            totals["errors"] += errors
        work.task_done()

threads = [threading.Thread(target=worker, name=f"w{i}") for i in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(totals, work.empty(), [t.name for t in threads], any(t.is_alive() for t in threads))
