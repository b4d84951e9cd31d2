import ast
import json
answers = [
    "['a', 'b', 3]",
    "{'x': 1, 'y': (1, 2), 'z': {1}}",
    "(True, None, 1.5, -2, b'x')",
    "__import__('os').system('ls')",
    "not valid ][",
]
for a in answers:
    try:
        v = ast.literal_eval(a)
        print(type(v).__name__, v)
    except (ValueError, SyntaxError) as e:
        print("refused:", type(e).__name__)
class SetEncoder(json.JSONEncoder):
    def default(self, o):
        if isinstance(o, (set, frozenset)):
            return sorted(o)
        return super().default(o)
print(json.dumps({"s": {3, 1, 2}, "n": None}, cls=SetEncoder), json.dumps({"d": 1.0, "e": [1, (2,)]}, separators=(",", ":")), json.dumps("é\n"), json.dumps({"b": 1, "a": 2}, indent=1, sort_keys=True))
print(json.dumps({1: "x", None: True}), json.dumps({"x": complex}, default=lambda o: o.__name__), json.loads('{"a": 1e2, "b": -0}', parse_float=str), json.loads('{"k": [1]}', object_hook=lambda d: list(d.items())), json.loads('{"a": 1}', object_pairs_hook=tuple))
try:
    json.loads("{'single': 1}")
except json.JSONDecodeError as e:
    print(e.msg, e.pos, e.lineno, e.colno)
try:
    json.dumps({1, 2})
except TypeError as e:
    print(e)
dec = json.JSONDecoder()
print(dec.raw_decode('{"a": [1]} trailing'), json.loads("NaN") != json.loads("NaN"), json.loads('"\\ud83d\\ude00"'))
s = llm_query("Answer as JSON")
print(json.loads(s.strip("`").removeprefix("json"))["ok"])
