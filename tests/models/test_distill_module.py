from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import rel_entr

from skintag.core.errors import ConfigError
from skintag.distillation.module import DistillationSettings, DistillModule, divergence, mixed
from skintag.distillation.teacher import Teacher, resized
from skintag.models.lesion_module import LesionModule
from skintag.models.objectives import Erm, Multitask
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings

TEACHER = BackboneSettings(
    name="vit_so400m_patch14_siglip_384", image_size=56, sizes={"embed_dim": 64, "depth": 2, "num_heads": 2}
)
STUDENT = BackboneSettings(name="mobilenetv3_small_050", image_size=32, features="blocks")


def parts(tower=STUDENT, objective=None, **options) -> dict:
    return {
        "backbone": tower,
        "finetune": FinetuneSettings(unlocked_groups="all", batch_norm="train"),
        "objective": objective or Multitask(),
        "optimizer": OptimizerSettings(backbone_lr=1e-2, head_lr=1e-2),
        "head": {"hidden": 16, "dropout": 0.0},
        **options,
    }


@pytest.fixture
def teacher() -> Teacher:
    return Teacher(LesionModule(**parts(TEACHER)))


def student(teacher: Teacher | None, **settings) -> DistillModule:
    return DistillModule(teacher=teacher, distillation=DistillationSettings(**settings), **parts()).eval()


def test_divergence_is_that_of_tempered_distributions():
    random = np.random.default_rng(0)
    target, said = random.dirichlet(np.ones(5), 7), random.dirichlet(np.ones(5), 7)
    for temperature in (1.0, 3.0):
        flat = [p ** (1 / temperature) for p in (target, said)]
        flat = [p / p.sum(axis=1, keepdims=True) for p in flat]
        expected = rel_entr(*flat).sum(axis=1)
        found = divergence(torch.from_numpy(said).log(), torch.from_numpy(target), temperature)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_divergence_from_oneself_is_zero_even_where_probabilities_are_zero():
    target = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    found = divergence(target.clamp(min=1e-8).log(), target, 1.0)
    assert torch.allclose(found, torch.zeros(2), atol=1e-6)


def test_labels_alone_are_the_objective_s_loss(teacher, make_batch):
    module, batch = student(teacher, teacher_weight=0.0), make_batch(6, size=32)
    expected = module.objective.loss(LesionModule.forward(module, batch), batch)["loss"]
    assert torch.equal(module.losses(batch)["loss"], expected)
    assert set(module.losses(batch)) == {"loss", "hard"}


def test_loss_is_put_together_as_documented(teacher, make_batch):
    settings = {"teacher_weight": 0.7, "temperature": 3.0, "condition_weight": 0.4, "embedding_weight": 0.2}
    module, batch = student(teacher, **settings), make_batch(6, size=56)
    found = module.losses(batch)
    output, said = module(batch), teacher(batch["image"])
    binary = torch.stack([1 - said.malignant, said.malignant], dim=1).log() / 3
    own = torch.stack([torch.zeros(6), output.malignant], dim=1) / 3
    malignant = (binary.softmax(1) * (binary.log_softmax(1) - own.log_softmax(1))).sum(1)
    wanted, guess = said.conditions.log() / 3, output.conditions / 3
    condition = (wanted.softmax(1) * (wanted.log_softmax(1) - guess.log_softmax(1))).sum(1)
    theirs = (said.embeddings - said.embeddings.mean(0)) / (said.embeddings.std(0) + 1e-6)
    distance = 1 - F.cosine_similarity(module.projection(output.embeddings), theirs, dim=1)
    hard = module.objective.per_sample(output, batch)["loss"]
    each = 0.3 * hard + 0.7 * 9 * (malignant + 0.4 * condition) + 0.2 * distance
    assert found["loss"].item() == pytest.approx((batch["weight"] * each).mean().item(), rel=1e-4)


def test_weight_of_a_sample_weighs_what_the_teacher_says_of_it_too(teacher, make_batch):
    module, batch = student(teacher, teacher_weight=1.0), make_batch(6, size=56)
    one = {**batch, "weight": torch.tensor([6.0, 0, 0, 0, 0, 0])}
    alone = {k: v[:1] for k, v in batch.items()} | {"weight": torch.ones(1)}
    assert module.losses(one)["loss"].item() == pytest.approx(module.losses(alone)["loss"].item(), rel=1e-4)


def test_teacher_sees_the_student_s_picture_at_its_own_size(teacher, make_batch, monkeypatch):
    seen = {}

    def spy(x):
        seen["teacher"] = x
        return torch.zeros(len(x), 64)

    monkeypatch.setattr(teacher.network.backbone, "forward", spy)
    module, batch = student(teacher, mixup_alpha=1.0, teacher_weight=0.5), make_batch(4, size=56)
    torch.manual_seed(3)
    module.losses(batch)
    torch.manual_seed(3)
    images, share, _ = mixed(batch["image"], 1.0)
    assert 0.5 <= share < 1
    assert torch.equal(seen["teacher"], images)


def test_teacher_learns_nothing_and_is_no_part_of_the_student(teacher, make_batch):
    module = student(teacher, embedding_weight=1.0).train()
    before = copy.deepcopy(teacher.network.state_dict())
    module.losses(make_batch(6, size=56))["loss"].backward()
    assert all(p.grad is None for p in teacher.network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in teacher.network.state_dict().items())
    own = {n.split(".")[0] for n in module.state_dict()}
    assert own == {"backbone", "head", "projection"}
    assert copy.deepcopy(module).teacher is teacher


def test_two_stage_teacher_speaks_with_its_probe(teacher, make_batch):
    images = make_batch(5, size=56)["image"]
    head = teacher(images)
    conditions = np.full((5, 10), 0.1, dtype=np.float32)
    probe = SimpleNamespace(
        predict=lambda e: SimpleNamespace(malignant=e[:, 0] * 0 + np.float32(0.75), conditions=conditions)
    )
    alone = Teacher(teacher.network, "xgboost", probe)(images)
    assert torch.allclose(alone.malignant, torch.full((5,), 0.75))
    assert torch.allclose(alone.conditions, torch.full((5, 10), 0.1))
    both = Teacher(teacher.network, "ensemble", probe)(images)
    assert torch.allclose(both.malignant, (head.malignant + 0.75) / 2)
    assert torch.allclose(both.conditions.sum(1), torch.ones(5), atol=1e-5)
    assert torch.equal(both.embeddings, head.embeddings)


def test_student_of_one_teacher_gets_nearer_to_it(teacher, make_batch):
    module, batch = student(teacher, teacher_weight=1.0, temperature=1.0).train(), make_batch(8, size=56)
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(12):
        loss = module.losses(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_checkpoint_of_a_student_loads_as_a_lesion_module(teacher, make_batch, tmp_path):
    module, batch = student(teacher, embedding_weight=1.0), make_batch(3, size=32)
    path = tmp_path / "best.ckpt"
    saved = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save(saved, path)
    loaded = LesionModule.from_checkpoint(path)
    assert type(loaded) is LesionModule
    assert torch.equal(loaded(batch).malignant, module(batch).malignant)


def test_mixing_keeps_the_share_and_the_order():
    images = torch.stack([torch.full((3, 4, 4), v, dtype=torch.uint8) for v in (0, 100, 200)])
    torch.manual_seed(0)
    out, share, order = mixed(images, 0.4)
    expected = (share * images.float() + (1 - share) * images[order].float()).round()
    assert torch.equal(out.float(), expected)
    assert torch.equal(mixed(images, 0.0)[0], images)


def test_resized_keeps_the_mean_and_the_type():
    images = torch.randint(
        0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    small = resized(images, 32)
    assert small.dtype == torch.uint8
    assert small.shape == (2, 3, 32, 32)
    assert abs(small.float().mean() - images.float().mean()) < 1
    assert resized(images, 64) is images


def test_what_cannot_be_distilled_is_refused(teacher):
    with pytest.raises(ConfigError, match="give teacher="):
        student(None)
    with pytest.raises(ConfigError, match=r"10 conditions.*11"):
        DistillModule(teacher=teacher, distillation=DistillationSettings(), **parts(n_conditions=11))
    untaught = Teacher(LesionModule(**parts(TEACHER, objective=Erm())))
    with pytest.raises(ConfigError, match="nothing would teach the student's conditions"):
        student(untaught, teacher_weight=1.0)
    with pytest.raises(ConfigError, match="nothing would teach the student's conditions"):
        student(teacher, teacher_weight=1.0, condition_weight=0.0)
    assert student(untaught, teacher_weight=0.9).head.condition is not None
    with pytest.raises(ConfigError, match="needs an XGBoost probe"):
        Teacher(teacher.network, "xgboost")
    for wrong in ({"teacher_weight": 1.5}, {"temperature": 0}, {"ema_decay": 1.0}, {"mixup_alpha": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            DistillationSettings(**wrong)


def test_objective_without_conditions_learns_malignancy_alone(teacher, make_batch):
    module = DistillModule(
        teacher=teacher, distillation=DistillationSettings(teacher_weight=0.5), **parts(objective=Erm())
    ).eval()
    assert set(module.losses(make_batch(4, size=56))) == {"loss", "hard", "malignant"}
