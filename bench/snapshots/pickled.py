"""A peer: what dill or cloudpickle take to write all variables and to read them again. Prints one line of JSON."""
import importlib
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
if len(sys.argv) > 4:
    sys.path.insert(0, sys.argv[4])
library, size, file = sys.argv[1:4]
module = importlib.import_module(library)

if os.environ.get("READS"):
    begun = time.perf_counter()
    with open(file, "rb") as source:
        names = module.load(source)
    print(json.dumps({"loadMs": (time.perf_counter() - begun) * 1000, "sum": float(names["arr"].sum())}))
else:
    import state

    names = state.make(size)
    begun = time.perf_counter()
    with open(file, "wb") as target:
        module.dump(names, target, protocol=5)
    saved = (time.perf_counter() - begun) * 1000
    read = subprocess.run([sys.executable, *sys.argv], env={**os.environ, "READS": "1"}, stdout=subprocess.PIPE, check=True)
    print(json.dumps({"pauseMs": saved, "bytes": os.path.getsize(file), **json.loads(read.stdout)}))
