"""One file a step, named after the schema that it leads to."""
