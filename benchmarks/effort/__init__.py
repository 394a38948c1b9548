"""What every effort is worth, and what it takes."""
