"""General parts of figures, independent of what they show."""
