"""Training: `python -m aecodec.training`. Imported by nothing in the runtime.

Read in this order: config, schedule, data, initialise, start, grow; loss, eye, objective,
optimizer, replay, learner; clock, validate, trainer; export, small. All but the last two import no
coder, so that a machine with PyTorch, NumPy, Pillow, safetensors and click can train.
"""
