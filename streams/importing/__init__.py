"""History from elsewhere: exports of other tools and indices, as posts that go the usual way."""
