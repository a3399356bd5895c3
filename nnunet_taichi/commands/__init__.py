"""The commands: their command-line arguments, and the order in which they call the other packages."""
