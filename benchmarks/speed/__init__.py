"""How long a photo takes, beside the arithmetic in it."""
