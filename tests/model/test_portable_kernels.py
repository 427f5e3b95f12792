"""What `trainer.portable` changes within torch."""

from __future__ import annotations

import pytest
import torch

from fsdd_lightning.errors import UserError
from fsdd_lightning.model.portable import portable_kernels, portable_optimizer


def parameters(count: int = 1000) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.linspace(-1.0, 1.0, count))]


def stepped(portable: bool) -> torch.Tensor:
    weights = parameters()
    optimizer = torch.optim.AdamW(weights, 0.01, foreach=True)
    if portable:
        portable_optimizer(optimizer)
    for step in range(1, 4):
        weights[0].grad = torch.sin(torch.arange(1000.0) * step)
        optimizer.step()
    return weights[0].detach()


def test_steps_are_those_of_adam_but_for_the_last_bits() -> None:
    torch.testing.assert_close(stepped(True), stepped(False), rtol=1e-5, atol=1e-7)


def test_the_fused_step_is_taken() -> None:
    optimizer = portable_optimizer(torch.optim.AdamW(parameters(), foreach=True))
    assert [(group["fused"], group["foreach"]) for group in optimizer.param_groups] == [(True, False)]
    with torch.profiler.profile() as profile:
        optimizer.param_groups[0]["params"][0].grad = torch.ones(1000)
        optimizer.step()
    names = {event.name for event in profile.events()}
    assert "aten::_fused_adamw_" in names
    assert "aten::_foreach_sqrt" not in names and "aten::sqrt" not in names


def test_an_optimizer_that_is_not_known_is_refused() -> None:
    portable_optimizer(torch.optim.SGD(parameters(), 0.1))
    with pytest.raises(UserError, match="Adam, AdamW, SGD, not RMSprop"):
        portable_optimizer(torch.optim.RMSprop(parameters()))


@pytest.mark.parametrize("portable", [True, False])
def test_onednn_is_off_within(portable: bool) -> None:
    before = torch.backends.mkldnn.enabled
    with portable_kernels(portable):
        assert torch.backends.mkldnn.enabled == (before and not portable)
    assert torch.backends.mkldnn.enabled == before
