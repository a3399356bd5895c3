"""Planners, built on nnU-Net's: two paths in one U-Net's memory or at its cost, and the paper's protocol."""
