"""Commands that have files of their own, and what all commands share."""
