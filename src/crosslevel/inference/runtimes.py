"""What computes probabilities from images of the network's size: PyTorch, ONNX Runtime, OpenVINO.

Each takes (B, S, S, 3) uint8 RGB and gives (B, C, S, S); normalisation is part of the network here.
Resizing before and after is in `inference`, writing other formats in `export`. TorchScript files
are not read: they are programs.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crosslevel.errors import InputError
from crosslevel.images.preprocess import Normalise
from crosslevel.inference.exported import exported_folder, faithful_exports
from crosslevel.logits import to_probabilities
from crosslevel.models.folder import ModelCard, load_card, load_model
from crosslevel.models.footprint import refuse_too_large
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.types import RuntimeName

Image = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
LARGEST_BATCH = 8


class Runtime(Protocol):
    """A network ready to be called.

    Attributes:
        name: As a user is told.
        batch_size: Images it is best given at a time, and the most.
    """

    name: str
    batch_size: int

    def __call__(self, images: Image) -> Probabilities:
        """Map (B, S, S, 3) uint8 RGB → (B, C, S, S) in [0, 1]."""


class ImagesToProbabilities(nn.Module):
    """A network with what stands before and after it, so that a file of it can be used alone.

    Args:
        net: From normalised images to logits.
    """

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.normalise, self.net = Normalise(), net

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, H, W, 3) uint8 RGB → (B, C, H, W) in [0, 1]."""
        return to_probabilities(self.net(self.normalise(images)))


class TorchRuntime:
    """PyTorch, as in training.

    Args:
        module: `ImagesToProbabilities` of a network, or what was traced of it.
        device: Where to compute.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.name = "PyTorch"
        self.device = device
        module = module.to(self.device).eval()
        self.module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batch_size = _one_per_thread() if self.device.type == "cpu" else LARGEST_BATCH

    @torch.inference_mode()
    def __call__(self, images: Image) -> Probabilities:
        """Map (B, S, S, 3) uint8 RGB → (B, C, S, S) in [0, 1]."""
        batch = torch.from_numpy(images).to(self.device)
        probabilities: Probabilities = self.module(batch).cpu().numpy()
        return probabilities


class OnnxRuntime:
    """ONNX Runtime on the CPU.

    Args:
        file: An `.onnx` file that `export` wrote.
    """

    def __init__(self, file: Path) -> None:
        import onnxruntime

        self.name = f"ONNX Runtime ({file.name})"
        self.batch_size = _one_per_thread()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what goes wrong is raised, too
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, images: Image) -> Probabilities:
        """Map (B, S, S, 3) uint8 RGB → (B, C, S, S) in [0, 1]."""
        [probabilities] = self._session.run(None, {"images": images})
        return np.asarray(probabilities, np.float32)


class OpenVinoRuntime:
    """OpenVINO on the CPU.

    Args:
        file: An `.xml` file that `export` wrote, its weights beside it.
    """

    def __init__(self, file: Path) -> None:
        import openvino

        self.name = f"OpenVINO ({file.name})"
        self.batch_size = _one_per_thread()
        settings: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": "f32",  # it would take bf16 where a CPU lists it: slower
        }
        core = openvino.Core()
        model = core.read_model(file)
        _, height, width, channels = model.inputs[0].partial_shape
        # a shape that is known computes a tenth faster
        model.reshape([self.batch_size, height, width, channels])
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()

    def __call__(self, images: Image) -> Probabilities:
        """Map (B, S, S, 3) uint8 RGB → (B, C, S, S) in [0, 1]."""
        missing = self.batch_size - len(images)
        whole = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else images
        return np.array(self._request.infer([whole], share_inputs=True)[0][: len(images)])


EXPORTED: dict[str, tuple[str, type[OpenVinoRuntime | OnnxRuntime]]] = {
    "openvino": ("openvino", OpenVinoRuntime),
    "onnx": ("onnxruntime", OnnxRuntime),
}
"""Format → the package that computes it, and its runtime."""


def load_runtime(folder: Path, name: RuntimeName, device: torch.device) -> Runtime:
    """Load the runtime of a model folder.

    Args:
        folder: With the weights, and maybe exports of them.
        name: "auto" is PyTorch on a CUDA device. On a CPU it is the first of `FASTEST_FIRST` that
            is installed and has an export which may stand in for the weights, else PyTorch.
        device: Where PyTorch computes; exports are for the CPU.

    Raises:
        InputError: If there is no model, it takes more memory than there is, or the runtime asked
            for is not installed, has no export, or one that cannot be used.
    """
    card = load_card(folder)
    if device.type == "cpu":
        refuse_too_large(card.model, card.num_channels, card.size)
    formats = _formats(name, device)
    for format, file in faithful_exports(folder) if formats else ():
        if format in formats:
            return _usable(EXPORTED[format][1], file, card)
    if name in EXPORTED:
        raise InputError(
            f"{exported_folder(folder)} holds no {name} export of the present weights that has "
            f"their Dice: write one with `crosslevel export RUN --format {name}`."
        )
    return TorchRuntime(ImagesToProbabilities(load_model(folder)[0]), device)


def _formats(name: RuntimeName, device: torch.device) -> list[str]:
    """Return the formats of exports that may be computed with."""
    if name in EXPORTED:
        require_packages(f"--runtime {name}", EXPORTED[name][0])
        return [name]
    if name == "torch" or device.type != "cpu":
        return []
    return [format for format, (package, _) in EXPORTED.items() if find_spec(package)]


def require_packages(what: str, *packages: str) -> None:
    """See that optional packages are installed.

    Raises:
        InputError: Naming those that are missing and how to get them.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InputError(
            f"{what} needs {', '.join(missing)}: `pip install 'crosslevel[export]'`, or "
            f"`pip install {' '.join(missing)}`."
        )


def _usable(
    runtime: type[OpenVinoRuntime | OnnxRuntime], file: Path, card: ModelCard
) -> OpenVinoRuntime | OnnxRuntime:
    """Return the runtime with the file, once it has answered as the card says."""
    expected = (1, card.num_channels, card.size, card.size)
    try:
        loaded = runtime(file)
        answer = loaded(np.zeros((1, card.size, card.size, 3), np.uint8)).shape
    except Exception as error:  # ONNX Runtime's own are no RuntimeErrors
        reason = " ".join(str(error).split())
        raise InputError(
            f"{file} cannot be used: export again, or choose --runtime torch ({reason})."
        ) from error
    if answer != expected:
        raise InputError(
            f"{file} gives {answer} for an image where {expected} is expected: export again, or "
            "choose --runtime torch."
        )
    return loaded


def _one_per_thread() -> int:
    """More images at a time than threads only leave the caches of a CPU."""
    return min(LARGEST_BATCH, torch.get_num_threads())
