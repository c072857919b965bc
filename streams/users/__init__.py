"""Who logs in: users, their sessions and API tokens, kept in the store."""
