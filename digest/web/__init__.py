"""The same pages over HTTP: a Flask application, and the server that it stands in. Needs the extra `cvdigest[serve]`."""
