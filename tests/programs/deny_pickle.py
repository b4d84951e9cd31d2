# policy: deny (pickle)
import pickle
blob = pickle.dumps({"a": 1})
print(pickle.loads(blob))
