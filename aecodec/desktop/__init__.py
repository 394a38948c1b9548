"""What desktops and their tools know of .aec files, and the manual page."""
