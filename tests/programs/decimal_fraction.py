from decimal import Decimal, ROUND_HALF_UP, getcontext, localcontext, InvalidOperation
from fractions import Fraction
import re

amounts = [Decimal(a.replace(",", "")) for a in re.findall(r"Total: \$([\d,]+\.\d\d)", context)]
total = sum(amounts, Decimal(0))
print(len(amounts), total, f"{total:,.2f}", total.quantize(Decimal("1."), rounding=ROUND_HALF_UP), max(amounts))
vat = (total * Decimal("0.19")).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
print(vat, total + vat, Decimal("0.1") + Decimal("0.2") == Decimal("0.3"))
with localcontext() as ctx:
    ctx.prec = 5
    print(Decimal(1) / Decimal(3))
print(Decimal(1) / Decimal(7), getcontext().prec, Decimal("1E+3").normalize(), Decimal("12.50").as_tuple(), int(Decimal("9.99")))
try:
    Decimal("abc")
except InvalidOperation as e:
    print("invalid", type(e).__name__)
f = Fraction(3, 4) + Fraction("1/6")
print(f, float(f), f.numerator, Fraction(0.5), Fraction("0.125"), Fraction(22, 7).limit_denominator(3), sum([Fraction(1, n) for n in range(1, 6)]))
print(round(Fraction(7, 3), 2), Fraction(1, 3) < Decimal("0.5").as_integer_ratio()[0], Decimal.from_float(0.25), Decimal("NaN").is_nan())
