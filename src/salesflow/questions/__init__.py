"""Questions that people put to the lake: what may be asked, what it costs, what was asked."""
