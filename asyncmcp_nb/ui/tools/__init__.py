"""The list of tools, and the form that sends a call of one."""
