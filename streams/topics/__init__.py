"""Topics as people change them: the file is the truth, and whoever changes it writes the file."""
