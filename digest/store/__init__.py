"""What the program remembers: the only SQL of the project."""
