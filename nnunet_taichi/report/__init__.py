"""Pages and tables of a comparison."""
