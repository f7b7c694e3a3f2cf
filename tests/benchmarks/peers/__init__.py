"""The processes that are measured. Each obeys its standard input, a line of JSON a command.

They are started by ``processes.Peer`` and end with their input. ``line``, ``driver`` and
``heartbeat`` need no more than anyio, since those of the asyncmcp package (``its_*``) run in
another environment, with another generation of the SDK.
"""
