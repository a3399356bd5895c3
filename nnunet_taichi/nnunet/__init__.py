"""nnU-Net's files and folders, its environment variables, and how to call its commands."""
