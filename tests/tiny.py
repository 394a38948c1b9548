"""A model small enough to train in a test."""

from aecodec.model.config import ModelConfig

TINY = ModelConfig("XS", 32, 8, 16, 1, 16, 1, 16, 16, 1, 16, 1)
