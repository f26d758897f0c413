"""``make demo``: the whole pipeline on one machine, watched from the outside."""
