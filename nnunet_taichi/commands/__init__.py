"""The commands: what they take on the command line, and in which order the rooms work for them."""
