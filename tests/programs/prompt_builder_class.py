from __future__ import annotations
from dataclasses import dataclass, field
@dataclass
class Prompt:
    instruction: str
    examples: list[tuple[str, str]] = field(default_factory=list)
    constraints: dict[str, object] = field(default_factory=dict)
    def with_example(self, q: str, a: str) -> Prompt:
        self.examples.append((q, a))
        return self
    def __or__(self, other: str) -> Prompt:
        return Prompt(f"{self.instruction}\n{other}", [*self.examples], {**self.constraints})
    def render(self, text: str, /, **extra) -> str:
        parts = [self.instruction.strip()]
        parts += [f"Q: {q}\nA: {a}" for q, a in self.examples]
        rules = self.constraints | extra
        if rules:
            parts.append("Rules: " + "; ".join(f"{k}={v!r}" for k, v in sorted(rules.items())))
        return "\n\n".join([*parts, f"Text: <<<{text}>>>"])
base = Prompt("Classify the line.", constraints={"max_words": 3}).with_example("2+2", "math")
strict = base | "Say nothing else."
print(base.render("x"), "---", strict.render("y", lang="en"), sep="\n")
print(llm_query_batched([strict.render(l) for l in context.splitlines()[4:8]]))
print(len(base.examples), base.examples is strict.examples, strict == base)
