text = """line "quoted" 'single' \\ back
{braces} {{double}}"""
print(text, text.format(braces=1) , f"""{text!r:.10}""", r"\n{raw}", rf"\d{1+1}", b"\x00" rb"\n", "a" f"{1}" "b")
