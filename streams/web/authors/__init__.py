"""Who writes: the list of authors, and one of them."""
