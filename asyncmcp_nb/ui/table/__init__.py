"""The live table of calls: a page of rows, what bars filter, and what can be done with a call."""
