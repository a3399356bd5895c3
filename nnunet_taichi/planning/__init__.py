"""Planners, built on nnU-Net's: two paths in the memory or at the cost of one U-Net, and the paper's protocol."""
