"""One post: the page of a mention, why a post was not found, and posts added by hand."""
