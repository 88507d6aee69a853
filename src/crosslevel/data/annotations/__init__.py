"""Files of annotation tools: one module for each tool, a line for each in `TOOLS`."""

from crosslevel.data.annotations import coco, cvat, label_studio, labelme, via, yolo
from crosslevel.data.annotations.found import Tool

TOOLS: dict[str, Tool] = {
    "coco": Tool("COCO", coco.read, coco.fits, coco.write),
    "labelme": Tool("LabelMe", labelme.read, labelme.fits, labelme.write),
    "cvat": Tool("CVAT", cvat.read, cvat.fits, cvat.write),
    "label-studio": Tool("Label Studio", label_studio.read, label_studio.fits, label_studio.write),
    "yolo": Tool("YOLO", yolo.read, yolo.fits, yolo.write),
    "via": Tool("VIA", via.read, via.fits),
}
"""By the names that commands know them by."""

__all__ = ["TOOLS", "Tool"]
