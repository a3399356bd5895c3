"""To be written."""

SUMMARY = "to be written"


def add_arguments(parser):
    """Nothing yet."""
