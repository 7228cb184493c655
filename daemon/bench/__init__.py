"""Measures mailcordon, amavisd-new and the limits of their surroundings in one run: `python -m bench --help`."""
