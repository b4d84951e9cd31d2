import heapq
import random
from dataclasses import dataclass, field
@dataclass(order=True)
class Event:
    time: float
    name: str = field(compare=False)
    payload: dict = field(compare=False, default_factory=dict)
class Simulator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.queue = []
        self.now = 0.0
        self.log = []
        self.handlers = {n[3:]: getattr(self, n) for n in dir(self) if n.startswith("on_")}
    def schedule(self, delay, name, **payload):
        heapq.heappush(self.queue, Event(self.now + delay, name, payload))
    def on_arrive(self, who):
        self.log.append(f"{self.now:5.2f} {who} arrives")
        self.schedule(self.rng.expovariate(1.0), "leave", who=who)
    def on_leave(self, who):
        self.log.append(f"{self.now:5.2f} {who} leaves")
    def run(self, until=10):
        while self.queue and self.queue[0].time <= until:
            ev = heapq.heappop(self.queue)
            self.now = ev.time
            self.handlers[ev.name](**ev.payload)
        return self
sim = Simulator(3)
for i, who in enumerate(("ann", "ben", "cal")):
    sim.schedule(i * 0.5, "arrive", who=who)
print(*sim.run().log, sep="\n")
print(sorted(sim.handlers), len(sim.queue), Event(1, "a") < Event(2, "b"), Event(1, "x") == Event(1, "y"))
