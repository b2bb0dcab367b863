from __future__ import annotations

import pytest
import torch

from skintag.core.errors import ConfigError
from skintag.models.head import HeadSettings, LesionHead


def head(width: int = 10, **settings) -> LesionHead:
    torch.manual_seed(0)
    return LesionHead(6, width, HeadSettings(**settings))


def test_outputs_have_the_shapes_and_types_they_promise():
    output = head()(torch.randn(5, 6, dtype=torch.float64))
    assert (output.malignant.shape, output.conditions.shape) == ((5,), (5, 10))
    assert {output.malignant.dtype, output.conditions.dtype, output.embeddings.dtype} == {torch.float32}


def test_head_is_batch_norm_linear_relu_linear():
    model, x = head(hidden=4).eval(), torch.randn(3, 6)
    model.norm.running_mean += 1
    hidden = ((x - 1) / (1 + 1e-5) ** 0.5) @ model.hidden.weight.T + model.hidden.bias
    want = hidden.clamp(min=0) @ model.malignant.weight.T + model.malignant.bias
    assert torch.allclose(model(x).malignant, want[:, 0], atol=1e-6)


def test_without_conditions_no_parameter_is_there_for_them():
    model = head(width=0)
    assert model(torch.randn(2, 6)).conditions is None
    assert not [name for name, _ in model.named_parameters() if "condition" in name]


def test_dropout_acts_in_training_only():
    model, x = head(dropout=0.3), torch.randn(8, 6)
    assert not torch.equal(model(x).malignant, model(x).malignant)
    model.eval()
    assert torch.equal(model(x).malignant, model(x).malignant)


def test_training_batch_of_one_takes_the_running_statistics():
    model, x = head(dropout=0.0), torch.randn(1, 6)
    before = model.norm.running_mean.clone()
    in_training = model(x).malignant
    assert torch.equal(model.norm.running_mean, before)
    assert torch.equal(in_training, model.eval()(x).malignant)


def test_precision_is_full_under_autocast():
    model, x = head().eval(), torch.randn(4, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = model(x)
    assert torch.equal(lowered.malignant, model(x).malignant)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="dropout"):
        HeadSettings(dropout=1.0)
    with pytest.raises(ConfigError, match="hidden"):
        HeadSettings(hidden=0)
