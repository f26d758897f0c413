"""What the local AWS has acknowledged, kept in a directory so that it survives a kill."""
