"""The benchmarks: ratios against a limit or a peer, measured in one run on one machine."""
