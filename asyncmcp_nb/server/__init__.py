"""Serving MCP servers over queues: each message with one ``serve_one`` of the SDK.

Above: ``api`` starts servers. Below: ``sns_sqs`` brings requests under leases and takes answers.
"""
