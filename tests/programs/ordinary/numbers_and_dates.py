import math, statistics, random, decimal, fractions, datetime, calendar, time, operator, heapq, bisect, itertools, struct
random.seed(3); print(random.randint(1, 100), random.choice("abc"), random.sample(range(9), 3), random.Random(1).random())
print(statistics.mean([1, 2, 4]), statistics.median([3, 1]), round(statistics.stdev([1, 2, 4]), 4), fractions.Fraction(1, 3) + 1)
d = datetime.datetime.strptime("2024-02-29 10:11", "%Y-%m-%d %H:%M"); print(d + datetime.timedelta(days=1), d.strftime("%b"), (d - d).days)
print(calendar.monthrange(2024, 2), calendar.month_name[3], heapq.nsmallest(2, [3, 1, 2]), bisect.bisect([1, 3], 2), math.comb(5, 2))
print([(k, len(list(g))) for k, g in itertools.groupby("aabb")], operator.attrgetter("real", "imag")(3), operator.methodcaller("upper")("x"))
print(list(map(operator.itemgetter(1), [(1, 2)])), struct.unpack("<H", b"\x01\x00"), time.gmtime(0).tm_year, decimal.Decimal("1.10") * 3)
