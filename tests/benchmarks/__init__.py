"""Figures, not tests: how long things take, and what they cost. ``make bench`` prints them.

``areas`` has what is measured, ``peers`` the processes in which it happens, ``cast`` starts these
and those that they are measured against, and ``figures`` and ``table`` are what is shown of it.
"""
