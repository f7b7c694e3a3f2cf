"""``python -m asyncmcp_nb`` is ``asyncmcp-nb``."""

from asyncmcp_nb.cli import main

main()
