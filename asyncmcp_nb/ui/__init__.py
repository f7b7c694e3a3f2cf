"""What a notebook shows: displays for results, tools, calls and sessions, and the panel.

Above: ``magics`` registers the displays, ``api`` gives sessions their panel. Below: ``session``.
All that a server or user wrote goes through ``escape``; nothing here talks to a queue.
"""
