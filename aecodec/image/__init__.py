"""Private. Photos: Pillow, colour modes, metadata; imports no torch.

Read in this order: formats, modes, metadata, picture, hidden, photo_file. What photo_file takes
apart before Pillow sees it: png, jpeg, gif, bmp, and colour; what others read, or Pillow not well:
atoms, heif, jpeg2000, jxl; what is not kept: tiff, beside. Then previews, psnr, ssimulacra2.
"""
