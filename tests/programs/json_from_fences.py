import json
import re

def extract_json(text):
    """Get the first JSON object out of a model's answer."""
    m = re.search(r"```(?:json)?\s*(\{.*?\}|\[.*?\])\s*```", text, re.DOTALL)
    candidate = m.group(1) if m else text[text.find("{"):text.rfind("}") + 1]
    try:
        return json.loads(candidate)
    except (json.JSONDecodeError, ValueError) as exc:
        return {"error": type(exc).__name__, "raw": text[:40]}

tests = [
    'Sure! ```json\n{"a": 1, "b": [1, 2]}\n```',
    '```\n[1, 2, 3]\n```',
    'The answer is {"x": {"y": null}} as you see',
    "no json at all",
    '{"unterminated": ',
    llm_query("Answer as JSON: what is it?"),
]
for t in tests:
    print(json.dumps(extract_json(t), sort_keys=True))
