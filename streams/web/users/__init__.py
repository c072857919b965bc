"""Who may look: the middleware that knows visitors, and the pages by which they log in."""
