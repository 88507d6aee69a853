"""Int8: an ONNX model computes its convolutions in whole numbers of 8 bits.

After training, from the ranges that values take on some images; nothing is learned again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantise(
    file: Path, target: Path, images: Sequence[NDArray[np.uint8]], kept_share: float
) -> None:
    """Write an int8 version of an ONNX model that `write_onnx` wrote.

    What stands before the first and behind the last convolution stays in fp32, and so does a share
    of the convolutions from the first on: it is there that 8 bits lose what later ones need.

    Args:
        file: The model in fp32.
        target: The model in int8.
        images: (S, S, 3) RGB each; they tell the ranges.
        kept_share: Share in [0, 1) of the convolutions.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Reader(images),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_kept(prepared, kept_share),
        )


class _Reader:
    """Images one by one, as ONNX Runtime's calibration asks for them."""

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._images: Iterator[NDArray[np.uint8]] = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next input, None at the end."""
        image = next(self._images, None)
        return None if image is None else {"images": image[None]}


def _kept(file: Path, share: float) -> list[str]:
    """Return the nodes that stay in fp32; ONNX lists nodes in the order they are computed."""
    import onnx

    nodes = onnx.load(str(file)).graph.node
    convolutions = [index for index, node in enumerate(nodes) if node.op_type == "Conv"]
    first = convolutions[round(share * (len(convolutions) - 1))]
    return [n.name for i, n in enumerate(nodes) if not first <= i <= convolutions[-1]]
