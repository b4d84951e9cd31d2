import threading
class W(threading.Thread):
    def __init__(self, n):
        super().__init__(daemon=True)
        self.n = n
        self.result = None
    def run(self):
        self.result = self.n * 2
ws = [W(i) for i in range(3)]
for w in ws: w.start()
for w in ws: w.join()
print([w.result for w in ws])
loc = threading.local(); loc.x = 1; print(loc.x)
ev = threading.Event(); t = threading.Timer(0.001, ev.set); t.start(); ev.wait(1); print(ev.is_set())
