"""Figures, not tests: how long things take and how much they weigh. ``make bench`` prints them.

Each module measures one area: it has a ``figures`` function, can be run by itself with ``python -m
tests.benchmarks.NAME``, and is listed in ``__main__``.
"""
