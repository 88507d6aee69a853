"""An image, or a feature map, cut into n×n tiles and put together again.

Tiles are ordered row by row within an image, and images follow each other: tile (r, c) of image b
is at index b·n² + r·n + c. Both levels of CLCC rely on this one order.
"""

from __future__ import annotations

from torch import Tensor

from crosslevel.errors import InputError


def to_tiles(x: Tensor, n: int) -> Tensor:
    """Cut every image of a batch into n×n tiles of equal size.

    Args:
        x: (B, C, H, W), with H and W divisible by n.
        n: Tiles along each axis.

    Returns:
        (B·n·n, C, H/n, W/n), row-major.

    Raises:
        InputError: If n is not positive or does not divide H and W.

    Example:
        >>> import torch
        >>> to_tiles(torch.arange(16.0).reshape(1, 1, 4, 4), 2)[1, 0]
        tensor([[2., 3.],
                [6., 7.]])
    """
    batch, channels, height, width = x.shape
    if n < 1 or height % n or width % n:
        raise InputError(
            f"An image of {height}×{width} px cannot be cut into {n}×{n} equal tiles: "
            f"choose a number of tiles that divides both sides."
        )
    tiles = x.reshape(batch, channels, n, height // n, n, width // n)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, height // n, width // n)


def from_tiles(tiles: Tensor, n: int) -> Tensor:
    """Put tiles together again; the inverse of `to_tiles`.

    Args:
        tiles: (B·n·n, C, h, w), row-major.
        n: Tiles along each axis.

    Returns:
        (B, C, n·h, n·w).

    Raises:
        InputError: If n is not positive or the number of tiles is not a multiple of n².

    Example:
        >>> import torch
        >>> x = torch.rand(2, 3, 6, 9)
        >>> bool((from_tiles(to_tiles(x, 3), 3) == x).all())
        True
    """
    count, channels, height, width = tiles.shape
    if n < 1 or count % (n * n):
        raise InputError(f"{count} tiles do not make whole images of {n}×{n} tiles.")
    grid = tiles.reshape(count // (n * n), n, n, channels, height, width)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, n * height, n * width)
