"""What the two paths of a trained TaiChiNet say, where they disagree, and what attention changes."""
