"""What a tool answered, to look at.

Pieces of content, tables, trees, and what can be done with them.
"""
