"""The MCP transport over SNS and SQS."""
