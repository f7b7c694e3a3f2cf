"""One client of the soak: makes its calls, checks every answer, prints what it found as JSON.

python soak_client.py DEPLOYMENT_FILE NAME RUNS_FILE COUNT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from asyncmcp_nb import Deployment, connect
from asyncmcp_nb.ledger import Status

SOAK_SECONDS = 1800.0

where, name, runs, count = sys.argv[1:]
with connect(Deployment.from_toml(Path(where).read_text()), name=name) as session:
    rows = [{"who": name, "n": n, "runs": runs} for n in range(int(count))]
    group = session.map("work", rows).wait(SOAK_SECONDS)
    records = [call.record for call in group]
    answers = [
        call.result().structured_content if record.status is Status.DONE else record.error_message
        for call, record in zip(group, records, strict=True)
    ]
    for answer in {answer for answer in answers if isinstance(answer, str)}:
        sys.stderr.write(f"{name}: {answer}\n")
    found = {
        "answered": sum(record.status is Status.DONE for record in records),
        "crossed": sum(
            record.status is Status.DONE and answer != {"who": name, "n": n}
            for n, (record, answer) in enumerate(zip(records, answers, strict=True))
        ),
        "rows": len(session.log),
        "delivered_again": sum(record.deliveries > 1 for record in records),
        "unsolicited": session.status.unsolicited_count,
        "requests": session.status.request_count,
    }
sys.stdout.write(json.dumps(found) + "\n")
