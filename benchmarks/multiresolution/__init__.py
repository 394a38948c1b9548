"""One file decoded at several sizes, and as far as it has arrived: what it costs and gives."""
