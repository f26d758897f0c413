"""EventBridge Pipes: from a DynamoDB stream to a Kinesis data stream.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html
"""
