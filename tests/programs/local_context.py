import decimal
decimal.getcontext().prec = 50
print(decimal.Decimal(2).sqrt())
import datetime as dt
print(dt.datetime.strptime("2024", "%Y").year, dt.timedelta(1), isinstance(dt.datetime.now(), dt.date), dt.datetime.now(dt.timezone.utc).tzinfo, dt.date.today() > dt.date.min)
