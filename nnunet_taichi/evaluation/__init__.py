"""Is one trainer better than another? Scores of every case, their statistics, and a page of them."""
