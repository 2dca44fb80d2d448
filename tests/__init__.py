"""The tests, which speak of what the program does."""
