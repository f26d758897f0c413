"""An AWS for a laptop: MiniStack, and the movement of data that it lacks."""
