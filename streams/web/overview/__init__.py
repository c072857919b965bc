"""The overview: a wall for those who watch, one question of the store for all topics."""
