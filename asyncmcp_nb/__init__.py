"""asyncmcp_nb."""
