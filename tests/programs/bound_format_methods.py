fmt = "{a}-{b}".format
print(fmt(a=1, b=2), list(map("{:02d}".format, [1, 2])), "".join(map("<{}>".format, "ab")), list(map(str.format, ["{}"], [1])))
