"""What two processes do in tests, each of them started by `together`: see `main` for what."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from crosslevel.evaluation.evaluate import evaluate
from crosslevel.methods import METHODS
from crosslevel.methods.build import build_method
from crosslevel.system.devices import Place
from crosslevel.system.distributed import joined_place
from crosslevel.training.step import Optimisation, parameter_groups
from crosslevel.training.train import train
from crosslevel.types import Batch
from support.tiny import tiny_config

NUM_STEPS = 6
STEPS = (2, 5)
"""Of so many: within the ramps of methods, and in their last stage."""
APART = ("clcc", "cps", "fixmatch_clcc", "unimatch")
"""Methods that are also trained with batches of BatchNorm apart."""
CASES = {
    **{name: (name, {}) for name in METHODS},
    **{f"{name}, apart": (name, {"batchnorm": "apart"}) for name in APART},
}
ALONE = Place(torch.device("cpu"))


def learned(case: str, place: Place = ALONE) -> tuple[list[dict[str, float]], dict[str, object]]:
    """Losses of some steps, and the weights after them.

    The optimiser is not the package's, which divides each gradient by its size: where it is 0 but
    for rounding, as before a BatchNorm, it makes steps of the rounding.
    """
    name, changes = CASES[case]
    config = tiny_config(name, **changes)
    method = build_method(config).train()
    optimisation = Optimisation(method, config, NUM_STEPS, place)
    groups = parameter_groups(method, encoder_rate=1.0)
    optimisation.optimizer = torch.optim.SGD(  # type: ignore[assignment]
        groups, lr=0.1, momentum=0.9
    )
    losses = [optimisation.step(step, odd_batch(step)) for step in STEPS]
    return losses, method.state_dict()


def odd_batch(seed: int) -> Batch:
    """3 labelled and 3 unlabelled images of 32 px, which no two processes share evenly."""
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        images=torch.randn(3, 3, 32, 32, generator=generator),
        masks=torch.randint(0, 2, (3, 32, 32), generator=generator),
        unlabelled=torch.randn(3, 3, 32, 32, generator=generator),
    )


def together(*words: str) -> list[subprocess.Popen[str]]:
    """Start `python WORDS` twice, as torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return [
        subprocess.Popen(
            [sys.executable, *words],
            env=os.environ
            | shared
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": paths}
            | {"OMP_NUM_THREADS": "1"},
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for rank in range(2)
    ]


def main(data: Path, out: Path) -> None:
    """Learn every case, then train and score a run; keep what each process found."""
    with joined_place() as place:
        found = {case: learned(case, place) for case in CASES}
        run = train(data, out / "run", tiny_config(), place=place)
        evaluate(run.path, subset="all", allow_overlap=True, place=place)
    torch.save(found, out / f"found-{place.rank}.pt")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
