"""Training: `python -m aecodec.training`. Imported by nothing in the runtime.

Read in this order: config, data, initialise, loss, trainer, export.
"""
