"""What arXiv's services say, and the one client that asks them."""
