"""Private. Pixels to payloads and back, SPEC 5.

Read in this order: planes, filter, transform, decoder, descent, refine, encoder, effort, target.
"""
