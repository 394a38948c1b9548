"""Private. The bytes of a file, SPEC 2, 3 and 4.4; imports no torch.

Read in this order: constants, box, header, chunks, container, quality, info; tables, payload,
filter, alpha.
"""
