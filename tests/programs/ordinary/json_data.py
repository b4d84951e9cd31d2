import json
text = '{"a": [1, 2.5, null, true], "b": {"c": "d"}}'
data = json.loads(text); data["a"].append({"e": 1}); data["b"]["c"] += "!"
print(json.dumps(data, indent=1, sort_keys=True), json.dumps({"é": 1}, ensure_ascii=False), json.dumps([1], separators=(",", ":")))
try: json.loads("{bad")
except json.JSONDecodeError as e: print(e.msg, e.pos)
class Enc(json.JSONEncoder):
    def default(self, o): return list(o) if isinstance(o, set) else super().default(o)
print(json.dumps({"s": {1}}, cls=Enc), json.loads("[1]", object_hook=dict), json.dumps({"x": {2}}, default=sorted))
