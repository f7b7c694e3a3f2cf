"""What a notebook shows: displays for results, tools, calls and sessions, and the panel.

Above: ``magics`` registers the displays, ``api`` gives sessions their panel. Below: ``session``.
All that a server or user wrote goes through ``escape``; nothing here talks to a queue.

Its rooms, lowest first: ``kit`` is what every view is made with. ``form`` is the form of a schema,
pure, and ``form_view`` draws it. ``answer`` shows what came back, ``progress`` how far it is,
``question`` what a server asks, ``messages`` what it logged. ``still`` is every view without
widgets.
``card`` is one call, ``tools`` are the list and the form that sends, ``table`` is all calls, and
``panel`` is the whole.
"""
