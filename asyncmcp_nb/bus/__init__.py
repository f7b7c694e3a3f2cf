"""Topics and queues: the ``Bus`` protocol, its in-process and its AWS implementation.

Above: ``sns_sqs`` moves MCP messages over a bus and never sees boto3. Below: ``wire``.
"""

from asyncmcp_nb.bus.memory import Faults, MemoryBus
from asyncmcp_nb.bus.protocol import Bus, BusStatistics, Delivery, QueueDepth

__all__ = ["Bus", "BusStatistics", "Delivery", "Faults", "MemoryBus", "QueueDepth"]
