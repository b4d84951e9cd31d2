import math
import statistics as st
from statistics import mean, median, stdev

scores = [float(x) for x in __import__("re").findall(r'"score": ([\d.]+)', context)]
print(len(scores), round(mean(scores), 4), median(scores), round(stdev(scores), 4), round(st.pvariance(scores), 3))
print(st.mode([1, 1, 2]), st.multimode("aabb"), st.quantiles([1, 2, 3, 4, 5], n=4), st.fmean([1, 2]), round(st.geometric_mean([1, 10, 100]), 6))
print(math.floor(-2.5), math.ceil(2.1), math.sqrt(16), math.isclose(0.1 + 0.2, 0.3), math.gcd(12, 18), math.factorial(20), math.log2(1024), math.prod([1, 2, 3]))
print(math.inf > 10 ** 300, math.isnan(math.nan), round(2.675, 2), round(1234.5678, -2), round(0.5), round(1.5), round(2.5), -7 // 2, -7 % 3, divmod(17, 5))
print(math.hypot(3, 4), math.comb(5, 2), math.perm(4), math.trunc(-3.7), math.dist((0, 0), (1, 1)) == math.sqrt(2), math.fsum([0.1] * 10), math.e, round(math.pi, 5))
def percentile(values, p):
    values = sorted(values)
    k = (len(values) - 1) * p / 100
    lo, hi = math.floor(k), math.ceil(k)
    return values[lo] if lo == hi else values[lo] + (values[hi] - values[lo]) * (k - lo)
print([round(percentile(scores, p), 3) for p in (0, 25, 50, 90, 100)])
z = [(x - mean(scores)) / stdev(scores) for x in scores]
print(sum(1 for v in z if abs(v) > 1.5), round(max(z), 3))
print(st.correlation([1, 2, 3], [2, 4, 6]), st.linear_regression([1, 2, 3], [2, 4, 6]).slope, st.NormalDist(0, 1).cdf(0))
