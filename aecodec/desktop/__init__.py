"""Desktop habits: the MIME type and thumbnails of .aec files, for freedesktop.org desktops."""
