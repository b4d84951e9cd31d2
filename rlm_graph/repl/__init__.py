"""The REPL: its interface, its processes, its dialect of Python."""
