# policy: deny (sqlite3)
import sqlite3
db = sqlite3.connect(":memory:")
