"""All graphs of a model's decoder by name, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aecodec.format.constants import FILTER_LIMITS, QUADTREE, SMALL_REDUCTIONS
from aecodec.graphs import entropy, synthesis
from aecodec.model.tensors import Weights, tensor_errors


def part_makers(weights: Weights) -> dict[str, Callable[[], bytes]]:
    """Name of a part -> what makes its ONNX file, in the order in which a decoder needs them."""
    config, tensors = weights.config, weights.tensors
    makers: dict[str, Callable[[], bytes]] = {"hyper": partial(entropy.hyper, config, tensors)}
    for number in range(1, len(QUADTREE)):
        makers[f"step{number}"] = partial(entropy.step, config, tensors, number)
    makers["points"] = partial(entropy.points, tensors)
    makers["g_s"] = partial(synthesis.g_s, config, tensors)
    for reduction in SMALL_REDUCTIONS:
        makers[f"small{reduction}"] = partial(synthesis.g_s, config, tensors, reduction)
    for count, limits in enumerate(FILTER_LIMITS):
        makers[f"filter{count}"] = partial(synthesis.filter_graph, limits)
    return makers


def make_part(weights: Weights, name: str) -> bytes:
    """The ONNX file of a part. Raises ModelError for weights that lack a tensor."""
    with tensor_errors(weights):
        return part_makers(weights)[name]()
