a = [1, 2, 3]
t = (0, slice(1, None))
class G:
    def __getitem__(self, k): return k
print(G()[*a], G()[1:2, ..., ::3], G()[()])
