"""Networks; they know nothing of nnU-Net's files or folders."""
