import textwrap
para = " ".join(context.split()[:60])
print(textwrap.fill(para, 50, initial_indent="* ", subsequent_indent="  "))
print(textwrap.indent("a\n\nb", "> "), textwrap.shorten(para, 40), textwrap.wrap("aaa bbb ccc", 7))
w = textwrap.TextWrapper(width=20, break_long_words=False)
w.max_lines = 2
w.placeholder = " ..."
print(w.fill(para))
code = """
        def f():
            return 1
    """
print(textwrap.dedent(code).strip())
prompt = textwrap.dedent(f"""\
    You are given a chunk.
    Chunk length: {len(para)}
      - indented
    Answer in JSON.""")
print(prompt)
print(llm_query(prompt))
box = lambda s: "\n".join(["+" + "-" * (len(s) + 2) + "+", f"| {s} |", "+" + "-" * (len(s) + 2) + "+"])
print(box("done"))
