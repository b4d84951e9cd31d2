# policy: deny (requests)
import requests
print(requests.get("https://example.com").text[:100])
