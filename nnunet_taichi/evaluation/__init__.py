"""Is one trainer better than another? Scores of every case, and their statistics."""
