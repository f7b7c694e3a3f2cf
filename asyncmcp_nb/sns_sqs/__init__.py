"""The MCP transport over SNS and SQS: links of threads, and the SDK's streams on top of them.

Above: ``session`` and ``server`` build on the links, plain scripts on ``sns_sqs_client`` and
``sns_sqs_server``. Below: ``bus`` moves messages, ``wire`` writes and reads them.
"""
