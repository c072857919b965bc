"""The page for deciding by hand: the queue, samples, second opinions, and what labels teach."""
