import uuid
ns = uuid.uuid5(uuid.NAMESPACE_DNS, "example.com")
print(ns, ns.version, ns.hex[:8], uuid.uuid3(uuid.NAMESPACE_URL, "http://x"), uuid.UUID("12345678123456781234567812345678"), uuid.UUID(int=5))
ids = {str(uuid.uuid5(ns, line)) for line in context.splitlines()[:20]}
print(len(ids), len(str(uuid.uuid4())), uuid.uuid4() != uuid.uuid4(), str(ns) == str(uuid.UUID(str(ns))), sorted(ids)[0])
