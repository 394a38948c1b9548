"""Private. Photos: Pillow, colour modes, metadata; imports no torch.

Read in this order: formats, modes, metadata, picture, photo_file, psnr.
"""
