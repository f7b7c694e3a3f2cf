"""Serving MCP servers over queues."""
