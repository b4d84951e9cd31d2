from pprint import pprint, pformat
import pprint as pp
data = {"name": "alice", "scores": list(range(30)), "nested": {"b": [1, 2, {"c": "x" * 40}], "a": ("t", None)}, "long text": "word " * 20}
pprint(data)
pprint(data, width=40, depth=1)
pprint(data, compact=True, sort_dicts=False, width=100)
print(pformat([1, [2, [3]]], width=5))
pp.pprint({"z": 1, "a": 2})
pp.pp({"z": 1, "a": 2})
pprint([{"id": i, "text": context[i * 50:i * 50 + 30]} for i in range(3)], indent=2)
