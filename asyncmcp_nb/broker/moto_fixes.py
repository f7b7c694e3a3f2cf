"""What moto's SNS and SQS need before notebooks can share them, applied inside the child process.

Moto imitates single calls of a test. Measured on 5.2.5, and mended here:

- Requests run in threads without a lock, and deleting rebuilds the list of messages: one sent at the
  same time is lost, one taken by two receivers at the same time is delivered twice. All requests now
  share one lock, which a waiting receive gives up.
- Each send and each receive computes all attributes of the queue, which counts its messages four
  times: 1,000 messages take a minute to drain. Counting is now one pass over plain numbers.
- A receive looks for messages whose lease ended once a second, and is not told of released ones.
- A receive whose client is gone still takes messages; they are invisible until their lease ends.
- Publishing reaches the first 100 subscriptions, fails when a subscribed queue was deleted (AWS drops
  the message), and keeps every message for ever.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Final

from moto.core import utils as core_utils
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sns import models as sns
from moto.sqs import models as sqs
from moto.sqs.exceptions import QueueDoesNotExist

LOCK: Final = threading.RLock()
"""Held while a request runs; a receive that waits gives it up."""

_current = threading.local()
