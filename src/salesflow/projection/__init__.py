"""The projection: what the next 28 days may bring, how sure that is, and how right it was so far.

`history` reads and judges the sales, `models` projects one series, `backtest` does so as of many
past days, `choice` picks the models and makes products and total agree, `intervals` says how wide
a projection must be, `project` is all of it, and `accuracy` holds projections against what came.
Money is decimal where it comes in and goes out; in between, statistics are floats.
"""
