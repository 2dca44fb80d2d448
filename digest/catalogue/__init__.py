"""The curated catalogue: its topics, and the lists that the field's curators keep."""
