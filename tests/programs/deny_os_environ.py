# policy: deny (environ)
import os
api_key = os.environ["OPENAI_API_KEY"]
print(api_key)
