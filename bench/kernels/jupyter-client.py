"""The peer: jupyter_client on the same ipykernel. One line of JSON for each line that it reads: `start`, `run CODE`, `stop`."""
import json
import sys
import time

from jupyter_client.manager import start_new_kernel

manager = client = total = None
for line in sys.stdin:
    words = line.rstrip("\n").split(" ", 1)
    started = time.perf_counter()
    first = None
    if words[0] == "start":
        manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    if words[0] in ("start", "run"):
        code = words[1] if len(words) > 1 else "print(1)"
        request = client.execute(code)
        idle = False
        while not idle:
            message = client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "stream" and first is None:
                first = (time.perf_counter() - started) * 1000
            idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        client.get_shell_msg(timeout=60)
        total = (time.perf_counter() - started) * 1000
    if words[0] == "stop":
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(json.dumps({"first": first, "total": total}), flush=True)
