"""Lambda's event source mappings: from a Kinesis data stream to a function.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""
