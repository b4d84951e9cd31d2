report_lines = []
for line in context.splitlines():
    if line.startswith("## Chapter"):
        report_lines.append("- " + line[3:])
# %%
report = "\n".join(report_lines)
print(len(report_lines))
FINAL_VAR("report")
# %%
print("the REPL goes on", len(report))
