"""Amazon Data Firehose: from a Kinesis data stream or direct puts, through a function, to S3.

https://docs.aws.amazon.com/firehose/latest/dev/what-is-this-service.html
"""
