"""What is stored, as tools of the Model Context Protocol: for assistants that read it."""
