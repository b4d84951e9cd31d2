from enum import Enum, auto
class State(Enum):
    OUT = auto()
    FENCE = auto()
    TABLE = auto()
text = "intro\n```python\nx = 1\ny = 2\n```\nmid\n| a | b |\n|---|---|\n| 1 | 2 |\nend\n```\nz\n```"
TRANSITIONS = {
    (State.OUT, "fence"): State.FENCE,
    (State.FENCE, "fence"): State.OUT,
    (State.OUT, "row"): State.TABLE,
    (State.TABLE, "text"): State.OUT,
    (State.TABLE, "fence"): State.FENCE,
}
def classify(line):
    return "fence" if line.startswith("```") else "row" if line.startswith("|") else "text"
state, blocks, current = State.OUT, [], []
for line in text.splitlines():
    new = TRANSITIONS.get((state, classify(line)), state)
    if new is not state:
        if current:
            blocks.append((state.name, current))
        current = []
    if not (classify(line) == "fence"):
        current.append(line)
    state = new
if current:
    blocks.append((state.name, current))
for name, ls in blocks:
    print(name, ls)
print(state, State(2), State["TABLE"].value, [s.name.lower() for s in State], {s: 0 for s in State}[State.OUT])
