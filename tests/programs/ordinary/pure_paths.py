from pathlib import PurePosixPath as Path
p = Path("logs") / "2024" / "app.tar.gz"
print(p, p.name, p.stem, p.suffix, p.suffixes, p.parent, p.parts, p.with_suffix(".txt"), Path("a") == Path("a"))
print(p.relative_to("logs"), p.match("*.gz"), [str(x) for x in p.parents], sorted([Path("b"), Path("a")])[0].name)
