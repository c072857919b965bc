"""The printable report of a week, and links by which clients who never log in read one view."""
