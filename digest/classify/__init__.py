"""From an abstract to the topics of the catalogue. The only scikit-learn of the project is in here."""
