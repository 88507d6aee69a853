"""What every loss keeps by its line in `losses/__init__`: arguments are made by their names.

A new loss is tested as it stands, unless it has an argument of a name not known here.
"""

import inspect
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch.nn.functional import one_hot

from crosslevel import losses
from crosslevel.tiles import to_tiles

LOSSES = {name: getattr(losses, name) for name in losses.__all__ if name.endswith("_loss")}
CHANNELS = (1, 3)
SURE = 50.0
"""A logit whose probability is 1 in all but the last digits."""


def choices(loss):
    """Yield the defaults of a loss, then each other choice that one of its options has."""
    yield {}
    for name, hint in get_type_hints(loss).items():
        options = get_args(hint) if get_origin(hint) is Literal else ()
        options = (True, False) if hint is bool else options
        default = inspect.signature(loss).parameters[name].default if options else None
        yield from ({name: option} for option in options if option != default)


CASES = [
    pytest.param(loss, options, id="-".join([name, *map(str, options.values())]))
    for name, loss in LOSSES.items()
    for options in choices(loss)
]
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
every_choice = pytest.mark.parametrize(("loss", "options"), CASES)


def some(channels=3, seed=0):
    """Values of every argument, drawn at random, two images of 6 px cut into 3×3 tiles."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    labels = torch.randint(0, max(2, channels), (2, 6, 6), generator=generator)
    return {
        "logits": [normal(2, channels, 6, 6) for _ in range(3)],
        "target_logits": normal(2, channels, 6, 6),
        **dict.fromkeys(("target", "labels"), labels),
        "keep": torch.rand(2, 6, 6, generator=generator) < 0.5,
        "region": torch.rand(2, 6, 6, generator=generator) < 0.5,
        "global_logits": normal(2, channels, 6, 6),
        "local_logits": normal(18, channels, 2, 2),
        "n": 3,
        "global_map": normal(2, 9, 3, 3),
        "local_map": normal(2, 9, 3, 3),
        "student": normal(2, max(2, channels), 6, 6).softmax(dim=1),
        "teacher": normal(2, max(2, channels), 6, 6).softmax(dim=1),
        "uncertainty": torch.rand(2, 1, 6, 6, generator=generator, dtype=torch.float64),
        "threshold": 0.6,
        **{name: normal(4, 9) for name in ("first", "second", "queries", "keys")},
        "kept": normal(5, 9),
        "is_negative": torch.rand(4, 5, generator=generator) < 0.5,
        **{name: normal(2, 4, 9) for name in ("found", "targets")},
        "is_pair": torch.rand(2, 4, 4, generator=generator) < 0.5,
        "margin": 1.0,
    }


def agreeing(channels=3, sure=SURE):
    """The same where all agree and nothing is doubted."""
    labels = some(channels)["labels"]
    truth = one_hot(labels, max(2, channels)).movedim(-1, 1).double()
    logits = sure * (2 * truth[:, -1:] - 1) if channels == 1 else sure * truth
    vectors = torch.eye(9, dtype=torch.float64)
    places = vectors.reshape(1, 9, 3, 3).expand(2, 9, 3, 3)
    return some(channels) | {
        "logits": [logits] * 3,
        **dict.fromkeys(("keep", "region"), torch.ones(2, 6, 6, dtype=torch.bool)),
        **dict.fromkeys(("global_logits", "target_logits"), logits),
        "local_logits": to_tiles(logits, 3),
        **dict.fromkeys(("global_map", "local_map"), places),
        **dict.fromkeys(("student", "teacher"), truth),
        "uncertainty": torch.zeros(2, 1, 6, 6, dtype=torch.float64),
        **dict.fromkeys(("first", "second", "queries", "keys"), vectors[:4]),
        "kept": vectors[4:],
        "is_negative": torch.ones(4, 5, dtype=torch.bool),
        **dict.fromkeys(("found", "targets"), vectors[:4].expand(2, 4, 9)),
        "is_pair": torch.eye(4, dtype=torch.bool).expand(2, 4, 4),
    }


def arguments(loss, values):
    """What a loss has to be given."""
    hints = get_type_hints(loss)
    needed = [p for p in inspect.signature(loss).parameters.values() if p.default is p.empty]
    unknown = [p.name for p in needed if p.name not in values]
    assert not unknown, f"{loss.__name__} needs {unknown}: give them values in some, agreeing"
    scales = [p.name for p in needed if get_origin(hints[p.name]) is Sequence]
    return {
        p.name: values[p.name][0] if p.name == "logits" not in scales else values[p.name]
        for p in needed
    }


def changed(given, change):
    """Yield the arguments with one tensor of them changed, and its name, for each in turn."""
    for name, value in given.items():
        if isinstance(value, torch.Tensor):
            yield name, given | {name: change(name, value)}
        elif isinstance(value, list):
            yield name, given | {name: [*value[:-1], change(name, value[-1])]}


def floats(given):
    """Arguments that a gradient could reach, by name and place."""
    flat = {(k, i): v for k, x in given.items() for i, v in enumerate(as_list(x))}
    return {key: x for key, x in flat.items() if torch.is_tensor(x) and x.is_floating_point()}


def as_list(value):
    return value if isinstance(value, list) else [value]


def with_floats(given, replaced):
    """The arguments with some of those tensors replaced."""
    return {
        k: [replaced.get((k, i), v) for i, v in enumerate(x)]
        if isinstance(x, list)
        else replaced.get((k, 0), x)
        for k, x in given.items()
    }


def gradients(loss, options, given):
    """The value, and the gradient at each of the tensors (None where there is none)."""
    asked = {key: x.clone().requires_grad_() for key, x in floats(given).items()}
    value = loss(**with_floats(given, asked), **options)
    found = torch.autograd.grad(value, list(asked.values()), allow_unused=True)
    return value, dict(zip(asked, found, strict=True))


def test_losses__are_all_in_the_registry():
    modules = [import_module(f"crosslevel.losses.{m.name}") for m in iter_modules(losses.__path__)]
    written = {
        name
        for module in modules
        for name, value in vars(module).items()
        if name.endswith("_loss") and value.__module__ == module.__name__
    }
    assert written == set(LOSSES)


@every_choice
@pytest.mark.parametrize("channels", CHANNELS)
def test_loss__is_a_finite_scalar_that_is_not_negative(loss, options, channels):
    value = loss(**arguments(loss, some(channels)), **options)
    assert value.shape == ()
    assert value.isfinite()
    assert value > 0


@every_choice
@pytest.mark.parametrize("channels", CHANNELS)
def test_loss__is_zero_where_all_agree(loss, options, channels):
    value = loss(**arguments(loss, agreeing(channels)), **options)
    assert float(value) == pytest.approx(0, abs=1e-4)


@every_choice
@pytest.mark.parametrize("channels", CHANNELS)
def test_loss__has_the_gradient_of_its_values(loss, options, channels):
    given = arguments(loss, some(channels))
    found = gradients(loss, options, given)[1]
    reached = {key: x for key, x in floats(given).items() if found[key] is not None}
    assert reached

    def value(*inputs):
        return loss(**with_floats(given, dict(zip(reached, inputs, strict=True))), **options)

    inputs = [x.clone().requires_grad_() for x in reached.values()]
    assert torch.autograd.gradcheck(value, inputs)


@every_choice
def test_loss__no_argument_is_without_effect(loss, options):
    given, others = arguments(loss, some()), arguments(loss, some(seed=1))
    value = loss(**given, **options)
    for name, other in changed(given, lambda name, _: as_list(others[name])[-1]):
        assert loss(**other, **options) != value, name


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_loss__of_half_precision_is_computed_in_single(loss, dtype):
    given = arguments(loss, some())
    halved = with_floats(given, {key: x.to(dtype) for key, x in floats(given).items()})
    widened = with_floats(given, {key: x.to(dtype).float() for key, x in floats(given).items()})
    found = loss(**halved)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(float(loss(**widened)), rel=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert float(loss(**widened)) == pytest.approx(float(found), rel=1e-6)


@every_choice
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("sign", [1, -1], ids=["right", "wrong"])
def test_loss__and_its_gradients_are_finite_for_extreme_values(loss, options, channels, sign):
    given = arguments(loss, agreeing(channels, sure=1e4))
    first = next(iter(floats(given)))
    given = with_floats(given, {key: sign * x for key, x in floats(given).items() if key == first})
    value, found = gradients(loss, options, given)
    assert value.isfinite()
    assert all(x is None or x.isfinite().all() for x in found.values())


@pytest.mark.parametrize("loss", [LOSSES[name] for name in LOSSES if name != "entropy_loss"])
@pytest.mark.parametrize("dim", [0, -1], ids=["images", "columns"])
def test_loss__never_stretches_what_does_not_fit(loss, dim):
    given = arguments(loss, some())
    for name, short in changed(given, lambda _, x: x.narrow(dim, 0, 1)):
        with pytest.raises(ValueError, match=r"\d"):
            pytest.fail(f"{name} of another size gave {loss(**short)}")


@pytest.mark.parametrize(("loss", "options"), [case.values for case in CASES if case.values[1]])
def test_loss__refuses_an_unknown_choice(loss, options):
    [(name, option)] = options.items()
    if isinstance(option, str):
        with pytest.raises(ValueError, match=f"{name} is 'nonsense'; it must be .*'{option}'"):
            loss(**arguments(loss, some()), **{name: "nonsense"})
