"""Hand-written gradients equal plain autograd through the same graph; float64 states equal the integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fsdd_lightning.arithmetic import integer_lstm as integers
from fsdd_lightning.arithmetic.activation_tables import full_table, sigmoid_q15, tanh_q15
from fsdd_lightning.arithmetic.integer_model import IntegerLayer
from fsdd_lightning.arithmetic.quantize import FloatLayer, quantize_layer
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.model.compiled_engine import CHOICE
from fsdd_lightning.model.recurrence import Engine, spans_of
from fsdd_lightning.model.straight_through_lstm import StraightThroughLayer, step_matrix
from fsdd_lightning.training.compiled_steps import use_compiled_steps

CODES = sorted(WEIGHT_CODES)
END = 1 - 2.0**-15  # of the activation tables


class RoundStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class Table(torch.autograd.Function):
    """A table of all int16 inputs, whose slope is computed from its value, and 0 at both of its ends."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, table: Tensor, bottom: float) -> Tensor:
        y = table[z.long() + 2**15]
        ctx.save_for_backward(y)
        ctx.bottom = bottom
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        return gradients[0] * (y - ctx.bottom) * (END - y) / 2**11, None, None


def sigmoid(z: Tensor) -> Tensor:
    return Table.apply(z, torch.from_numpy(full_table(sigmoid_q15) / 2**15), 0.0)


def tanh(z: Tensor) -> Tensor:
    return Table.apply(z, torch.from_numpy(full_table(tanh_q15) / 2**15), -1.0)


def plain_sequence(layer: IntegerLayer, inputs_q7: Tensor, parameters: list[Tensor]) -> Tensor:
    """(T, H, B), float64, one readable operation after another, gates in PyTorch's order."""
    rescale = torch.from_numpy(layer.multiplier * 2.0**-layer.shift)
    levels = [torch.tensor(block) for block in np.split(layer.weights, [layer.input_size], axis=1)]
    weight_ih, weight_hh = (
        p * 16 + (level * rescale[:, None] - p * 16).detach() for p, level in zip(parameters, levels, strict=False)
    )
    bias = (parameters[2] + parameters[3]) * 2**11
    bias = bias + (torch.tensor(layer.bias) * rescale - bias).detach()
    round_ = RoundStraightThrough.apply
    cell = hidden = inputs_q7.new_zeros(inputs_q7.shape[2], layer.hidden_size)
    states = []
    for frame in inputs_q7:
        z = torch.clamp(round_(frame.t() @ weight_ih.t() + hidden @ weight_hh.t() + bias), -(2**15), 2**15 - 1)
        i, f, g, o = z.chunk(4, dim=1)
        cell = round_(sigmoid(f) * cell) + round_(sigmoid(i) * tanh(g) * 2**11)
        cell = torch.nn.functional.hardtanh(cell, -(2.0**15), 2.0**15 - 1)  # no gradient at the limits
        hidden = torch.clamp(round_(sigmoid(o) * tanh(cell) * 2**7), -(2**7), 2**7 - 1)
        states.append(hidden.t())
    return torch.stack(states)


def random_layer(inputs: int, size: int, spread: float, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(4 * size, inputs), (4 * size, size), (4 * size,), (4 * size,)]
    return [
        ((torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5) * spread).to(dtype).requires_grad_()
        for shape in shapes
    ]


def quantized(parameters: list[Tensor], code: str) -> IntegerLayer:
    return quantize_layer(FloatLayer(*(p.detach().numpy() for p in parameters)), WEIGHT_CODES[code], 0)


def random_inputs(frames: int, inputs: int, clips: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(6)
    steps = torch.randint(-300, 300, (frames, inputs, clips), generator=generator)
    return steps.to(dtype).requires_grad_()


def sequence(
    layer: IntegerLayer,
    inputs: Tensor,
    parameters: list[Tensor],
    running: list[int] | None = None,
    engine: Engine = CHOICE.portable,
) -> Tensor:
    frames, _, clips = inputs.shape
    spans = spans_of(running or [clips] * frames)
    return StraightThroughLayer.apply(engine, inputs, step_matrix(layer, inputs), spans, *parameters)


def assert_same_gradients(
    ours: Tensor, plain: Tensor, sources: list[Tensor], upstream: Tensor, atol: float | None = None
) -> tuple[Tensor, ...]:
    """Up to `atol`, or to 1e-9 of the largest; returns those of the plain graph."""
    expected = torch.autograd.grad(plain, sources, upstream)
    for mine, theirs in zip(torch.autograd.grad(ours, sources, upstream), expected, strict=True):
        largest = float(theirs.abs().max())
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9 * largest if atol is None else atol)
    return expected


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("spread", [0.5, 4.0, 20.0])
def test_gradients_equal_plain_autograd(code: str, spread: float) -> None:
    parameters, inputs = random_layer(5, 7, spread), random_inputs(9, 5, 11)
    layer = quantized(parameters, code)
    ours, plain = sequence(layer, inputs, parameters), plain_sequence(layer, inputs, parameters)
    assert torch.equal(ours, plain)
    upstream = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    expected = assert_same_gradients(ours, plain, [inputs, *parameters], upstream)
    assert all(gradient.abs().max() > 0 for gradient in expected)


def test_clips_that_end_early_change_nothing() -> None:
    """Leaving them out of the matrix products gives the same gradients as whole sequences."""
    parameters, inputs = random_layer(5, 7, 4.0), random_inputs(6, 5, 4)
    layer, running = quantized(parameters, "int8"), [4, 4, 3, 1, 1, 1]
    valid = torch.tensor([[clip < count for clip in range(4)] for count in running])[:, None]  # (T, 1, B)
    upstream = torch.randn(6, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(8)) * valid
    ours, plain = sequence(layer, inputs, parameters, running), plain_sequence(layer, inputs, parameters)
    assert torch.equal(torch.where(valid, ours, 0), torch.where(valid, plain, 0))
    assert_same_gradients(ours, plain, [inputs, *parameters], upstream)


def saturating_layer(signs: tuple[int, int]) -> list[Tensor]:
    """While the input is 1, both cells grow by nearly 1 per step to their limit; at -1 they are forgotten.

    Then a cell has a slope again, and gradients travel back to its limit, which must stop them.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = (
        torch.zeros(shape, dtype=torch.float64) for shape in [(4, 2, 1), (4, 2, 2), (4, 2), (4, 2)]
    )
    weight_ih[:, :, 0] = torch.tensor([[1.0, 1.0], [4.4, 4.4], [2.0 * signs[0], 2.0 * signs[1]], [1.0, 1.0]])
    bias_ih[0], bias_ih[1], bias_ih[3] = 4.0, 3.6, 6.0
    weight_hh.fill_(0.01)
    flat = (weight_ih.view(8, 1), weight_hh.view(8, 2), bias_ih.view(8), bias_hh.view(8))
    return [parameter.detach().requires_grad_() for parameter in flat]


@pytest.mark.parametrize("signs", [(1, -1), (1, 1), (-1, -1)])
def test_saturated_cells_and_hidden_states_pass_no_gradient(signs: tuple[int, int]) -> None:
    parameters, layer_inputs = saturating_layer(signs), np.array([128] * 25 + [-128] * 4, np.int16)
    inputs = torch.from_numpy(layer_inputs).double()[:, None, None].repeat(1, 1, 3).requires_grad_()
    layer = quantized(parameters, "int8")
    ours, plain = sequence(layer, inputs, parameters), plain_sequence(layer, inputs, parameters)
    state = integers.lstm_sequence(layer, layer_inputs[:, None])
    ends = {1: (2**15 - 1, 127), -1: (-(2**15), -128)}
    for unit, sign in enumerate(signs):
        assert (state.cell_q11[24, unit], int(ours[24, unit, 0])) == ends[sign]
    assert torch.equal(ours, plain)
    assert_same_gradients(ours, plain, [inputs, *parameters], torch.ones_like(ours), atol=1e-12)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("spread", [0.5, 4.0, 20.0])
def test_float64_states_are_the_integers(code: str, spread: float) -> None:
    parameters, inputs = random_layer(13, 24, spread), random_inputs(36, 13, 8)
    layer = quantized(parameters, code)
    ours = sequence(layer, inputs, parameters)
    theirs = integers.lstm_sequence(layer, inputs.detach().permute(2, 0, 1).numpy().astype(np.int16))
    np.testing.assert_array_equal(ours.detach().permute(2, 0, 1).numpy(), theirs.hidden_q7)


@pytest.fixture(params=["torch", "compiled"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Of float32 on the CPU."""
    if request.param == "torch":
        return CHOICE.portable
    if not use_compiled_steps():
        pytest.skip("no C compiler")
    assert CHOICE.compiled is not None
    return CHOICE.compiled


def test_float32_gradients_are_near_those_of_float64(engine: Engine) -> None:
    """If no rounding falls on the other side, as for these seeds, float32 changes 1e-5 of the largest gradient."""
    grown = [p.detach().float().double().requires_grad_() for p in random_layer(5, 7, 1.0)]
    layer = quantized(grown, "int8")
    results = []
    for dtype in (torch.float64, torch.float32):
        parameters = [p.detach().to(dtype).requires_grad_() for p in grown]
        inputs = random_inputs(9, 5, 11, dtype)
        hidden = sequence(layer, inputs, parameters, engine=engine if dtype == torch.float32 else CHOICE.portable)
        results.append((hidden, *torch.autograd.grad(hidden.sum(), [inputs, *parameters])))
    assert torch.equal(results[0][0], results[1][0].double())
    for exact, single in zip(*results, strict=True):
        torch.testing.assert_close(single.double(), exact, rtol=0, atol=1e-5 * float(exact.detach().abs().max()))


@pytest.mark.parametrize("signs", [(1, -1), (1, 1), (-1, -1)])
def test_saturated_states_pass_no_gradient_in_float32_either(signs: tuple[int, int], engine: Engine) -> None:
    """All of their steps are exact in float32; slopes near a table's end are differences of nearly equal values."""
    results = []
    for dtype in (torch.float64, torch.float32):
        parameters = [p.detach().to(dtype).requires_grad_() for p in saturating_layer(signs)]
        inputs = torch.tensor([128.0] * 25 + [-128.0] * 4, dtype=dtype)[:, None, None].repeat(1, 1, 3).requires_grad_()
        layer = quantized(parameters, "int8")
        hidden = sequence(layer, inputs, parameters, engine=engine if dtype == torch.float32 else CHOICE.portable)
        results.append((hidden, *torch.autograd.grad(hidden.sum(), [inputs, *parameters])))
    assert torch.equal(results[0][0], results[1][0].double())
    for exact, single in zip(*results, strict=True):
        torch.testing.assert_close(single.double(), exact, rtol=0, atol=1e-3 * float(exact.detach().abs().max()))


@pytest.mark.parametrize(
    ("size", "channels", "clips"), [(1, 1, 1), (7, 5, 11), (24, 13, 64), (9, 24, 40), (16, 13, 33)]
)
def test_compiled_steps_are_those_of_torch(size: int, channels: int, clips: int) -> None:
    """For every width and number of rows, clips that end early, with and without gradients by the inputs."""
    if not use_compiled_steps():
        pytest.skip("no C compiler")
    assert CHOICE.compiled is not None
    parameters = random_layer(channels, size, 1.0, torch.float32)
    layer, frames = quantized(parameters, "int8"), 12
    running = [max(clips - step * clips // frames, 1) for step in range(frames)]
    valid = torch.tensor([[clip < count for clip in range(clips)] for count in running])[:, None]
    upstream = torch.randn(frames, size, clips, generator=torch.Generator().manual_seed(9)) * valid
    for needs_inputs in (True, False):
        inputs = random_inputs(frames, channels, clips, torch.float32).requires_grad_(needs_inputs)
        sources = [inputs, *parameters] if needs_inputs else parameters
        ours, theirs = (
            sequence(layer, inputs, parameters, running, engine) for engine in (CHOICE.compiled, CHOICE.portable)
        )
        assert ((ours - theirs).abs() * valid).max() <= 1 and ((ours != theirs) & valid).sum() <= 0.001 * valid.sum()
        found, expected = (torch.autograd.grad(each, sources, upstream) for each in (ours, theirs))
        for mine, other in zip(found, expected, strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=0.01 * float(other.abs().max()))


def test_compiled_steps_give_the_same_bits_again() -> None:
    if not use_compiled_steps():
        pytest.skip("no C compiler")
    assert CHOICE.compiled is not None
    parameters, inputs = random_layer(13, 24, 1.0, torch.float32), random_inputs(36, 13, 64, torch.float32)
    layer = quantized(parameters, "int4")
    hidden = [sequence(layer, inputs, parameters, engine=CHOICE.compiled) for _ in range(2)]
    gradients = [torch.autograd.grad(each.sum(), [inputs, *parameters]) for each in hidden]
    assert torch.equal(*hidden) and all(map(torch.equal, *gradients))


def test_compiled_steps_refuse_what_they_would_misread() -> None:
    if not use_compiled_steps():
        pytest.skip("no C compiler")
    assert CHOICE.compiled is not None
    parameters = random_layer(5, 7, 1.0)
    with pytest.raises(ValueError, match="float32"):
        sequence(quantized(parameters, "int8"), random_inputs(9, 5, 11), parameters, engine=CHOICE.compiled)


def test_backward_can_be_repeated() -> None:
    parameters, inputs = random_layer(5, 7, 1.0), random_inputs(9, 5, 11)
    hidden = sequence(quantized(parameters, "int4"), inputs, parameters)
    first = torch.autograd.grad(hidden.sum(), parameters, retain_graph=True)
    again = torch.autograd.grad(hidden.sum(), parameters)
    assert all(map(torch.equal, first, again))
