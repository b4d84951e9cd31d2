import json
class Enc(json.JSONEncoder):
    def default(self, o): return {"__t__": type(o).__name__, **o.__dict__}
class Q:
    def __init__(self): self.z = 1
print(json.dumps({"q": Q()}, cls=Enc))
import io
f = io.StringIO(); json.dump([1], f); f.seek(0); print(json.load(f))
