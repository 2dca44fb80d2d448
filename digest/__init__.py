"""cvdigest: arXiv's daily computer-vision announcement, sorted by the field's own table of contents."""

__version__ = "0.1.0"
