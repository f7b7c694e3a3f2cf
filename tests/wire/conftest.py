"""Settings of the property tests."""

from hypothesis import settings

# How long one example takes is the machine's affair.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
