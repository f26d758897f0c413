"""Glue's crawlers and classifiers; the Data Catalog itself is MiniStack's."""
