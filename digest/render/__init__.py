"""From an edition to pages. The only Jinja of the project is in here."""
