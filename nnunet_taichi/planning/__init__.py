"""Planners for two paths, of one U-Net's memory or of its cost, and for the paper's protocol, by nnU-Net's planning."""
