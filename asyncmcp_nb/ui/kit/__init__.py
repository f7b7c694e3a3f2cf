"""What every view is made with.

Typed widgets and inputs, callbacks, jobs, and the one thread that refreshes.
"""
