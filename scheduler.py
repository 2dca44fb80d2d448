"""``python scheduler.py`` is ``cvdigest schedule``: the digest of every announcement, made when it is out."""

import sys

from digest.cli import main

if __name__ == "__main__":
    sys.exit(main(["schedule", *sys.argv[1:]]))
