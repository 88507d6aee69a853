"""Import every module of Crosslevel: none may need an optional package before it is used."""

import sys
from importlib import import_module
from pkgutil import walk_packages

import crosslevel

OPTIONAL = (
    "fastapi",
    "onnx",
    "onnxruntime",
    "openvino",
    "segmentation_models_pytorch",
    "timm",
    "torchvision",
)

EXTRA = "crosslevel.serving."
"""The one room that is all of an extra: nothing imports it before its command is called."""

names = [module.name for module in walk_packages(crosslevel.__path__, "crosslevel.")]
for name in names:
    if name != "crosslevel.__main__" and not name.startswith(EXTRA):
        import_module(name)
present = [name for name in OPTIONAL if name in sys.modules]
sys.exit(f"imported without need: {present}" if present else 0)
