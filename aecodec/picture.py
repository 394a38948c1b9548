"""Photo files for those who call the library, read and written as the command does it.

    picture = read_picture("photo.png")            # notes say what it loses
    data = aecodec.encode(picture)
    parts, left_out = picture_file(picture, ".jpg")    # bytes, and what JPEG cannot hold

`Image.open` of Pillow and `aecodec.encode` do as well; here more files are read, 16 bits are
rounded, and nothing is lost without a note. `without_metadata` is the picture alone, upright.
"""

from aecodec.image.photo_file import picture_file, read_picture
from aecodec.image.picture import Picture, without_metadata

__all__ = ["Picture", "picture_file", "read_picture", "without_metadata"]
