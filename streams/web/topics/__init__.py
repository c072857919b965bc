"""The pages and the API of topics: list, editor, history, back-fill."""
