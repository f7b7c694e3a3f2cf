"""A client that submits slow calls and waits for ever; somebody kills it.

python client_process.py DEPLOYMENT_FILE NAME RUNS_FILE COUNT SECONDS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from asyncmcp_nb import Deployment, connect

where, name, runs, count, seconds = sys.argv[1:]
with connect(Deployment.from_toml(Path(where).read_text()), name=name) as session:
    for n in range(int(count)):
        session.submit("slow", {"n": n, "runs": runs, "seconds": float(seconds)})
    sys.stdout.write("submitted\n")
    sys.stdout.flush()
    time.sleep(600)
