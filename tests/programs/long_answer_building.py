# The answer is longer than what a model can type: build it in a variable.
sections = []
for i, line in enumerate(context.splitlines()):
    if line.startswith("Contact"):
        email = line.split()[1]
        total = line.rsplit("$", 1)[-1]
        sections.append(f"{len(sections) + 1:03d}. {email:<40} ${total:>12}")
report = "\n".join(sections)
print(len(sections), len(report))
print(report[:130])
print("...")
print(report.splitlines()[-1])
Final_report = {"title": "Contacts", "rows": len(sections), "body": report}
print({k: (v if not isinstance(v, str) else v[:12]) for k, v in Final_report.items()})
# %%
header = f"{'#':<4} {'email':<40} {'total':>13}\n" + "=" * 58
FINAL(header + "\n" + "\n".join(sections[:3]))
