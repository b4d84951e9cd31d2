from string import Template, Formatter, capwords
import string
t = Template("Hello $name, you owe $$${amount} for ${item}s.")
print(t.substitute(name="Bob", amount=5, item="apple"))
print(t.safe_substitute(name="Bob"))
try:
    t.substitute(name="x")
except KeyError as e:
    print("missing", e)
PROMPT = Template("""Classify the text.
Text: $text
Labels: $labels""")
prompts = [PROMPT.substitute(text=l[:30], labels=", ".join(["a", "b"])) for l in context.splitlines()[4:7]]
print(prompts[0])
print(llm_query_batched(prompts))
print(capwords("hello big world"), string.digits, string.punctuation[:5], string.hexdigits, len(string.printable), string.ascii_uppercase[:3])
SYSTEM = "You are {role}. Use {{braces}} literally."
print(SYSTEM.format(role="a judge"))
