"""What the two paths of a trained TaiChiNet predict, where they disagree, and what attention changes."""
