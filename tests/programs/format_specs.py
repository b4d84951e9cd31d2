print(f"{3.0:g} {1e-10:g} {123456789:g} {0.1:.20f} {1/3:.3e} {-5:05d} {5:+} {5: } {255:#o} {255:#b} {1234.5:,.2f} {0.00001234} {1e5} {1e16} {100:c} {12:n} {0.5:%}")
print(f"{'x':^{5}}{'y':!<3}{'z':\u2014>3}", f"{None!s:5}|{True:d}|{[1]!s:>6}", "{:>{}}".format("a", 4), "{0:{1}}".format(3.14159, ".2f"))
import datetime; d = datetime.datetime(2024,5,6,7,8,9)
print(f"{d:%Y-%m-%d}", f"{d!s}", "{:%H:%M}".format(d), format(d, "%y"), f"{d.year}/{d.month:02}")
