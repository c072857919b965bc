"""What labels teach: precision of a topic, agreement of people, words that part what is meant."""
