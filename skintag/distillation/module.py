"""A student that learns from labels and from a teacher that sees the same augmented picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import HEAD
from skintag.distillation.teacher import Kind, Teacher, resized
from skintag.models.lesion_module import LesionModule
from skintag.models.network import settings_of
from skintag.models.objective import Batch
from skintag.models.outputs import Logits, Probabilities

_TINY: Final = 1e-8  # probabilities are kept this far from 0 before their logarithm is taken


@dataclass(frozen=True)
class DistillationSettings:
    """How much the teacher counts, and how it is asked."""

    name: str = HEAD
    """What run folders and tables call it."""
    teacher: Kind = HEAD
    """Who gives the soft targets: the module's `head`, `xgboost` on its embeddings, or the `ensemble` of both."""
    teacher_weight: float = 0.9
    """Share of the soft targets in the loss, in [0, 1]; the rest is the hard labels'. 0: labels alone."""
    temperature: float = 2.0
    """T: both distributions are flattened by p^(1/T) before they are compared."""
    condition_weight: float = 1.0
    """Weight of the conditions' divergence beside that of malignancy."""
    embedding_weight: float = 0.0
    """Weight of the distance between the teacher's embedding and a linear map of the student's."""
    mixup_alpha: float = 0.0
    """Both parameters of the beta distribution that mixing shares are drawn from; 0: pictures are not mixed."""
    ema_decay: float | None = 0.999
    """Of the average of the weights over steps that is validated and kept; null: the weights themselves."""

    def __post_init__(self) -> None:
        if not 0 <= self.teacher_weight <= 1:
            raise ConfigError(f"distillation.teacher_weight={self.teacher_weight} should be in [0, 1]")
        if not self.temperature > 0:
            raise ConfigError(f"distillation.temperature={self.temperature} should be positive")
        for name in ("condition_weight", "embedding_weight", "mixup_alpha"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"distillation.{name}={getattr(self, name)} should be 0 or more")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise ConfigError(f"distillation.ema_decay={self.ema_decay} should be in [0, 1), or null")

    @property
    def asks_teacher(self) -> bool:
        """Whether training needs the teacher at all."""
        return self.teacher_weight > 0 or self.embedding_weight > 0


class DistillModule(LesionModule):
    """A `LesionModule` whose training also follows a teacher; its checkpoints load as a `LesionModule`.

    The loss of a batch, with a = teacher_weight, averaged over samples with the view's weights:

        (1 - a) hard + a T^2 (KL_malignant + condition_weight KL_condition) + embedding_weight (1 - cos)

    `hard` is the objective's loss. KL(teacher || student) is taken at temperature T and multiplied by T^2, so
    that its gradient keeps its size (Hinton, Vinyals & Dean 2015, https://arxiv.org/abs/1503.02531). Teacher and
    student see one and the same augmented, mixed picture, each at its own size (Beyer et al. 2022, "a good
    teacher is patient and consistent", https://arxiv.org/abs/2106.05237). cos is between the teacher's embedding,
    standardised over the batch so that what all pictures share does not count, and a linear map of the student's
    (after Romero et al. 2015, FitNets).

    Args:
        teacher: who gives the soft targets; None where the settings do not ask for them.
        distillation: settings.
        module: of LesionModule.

    Raises:
        ConfigError: the settings ask for a teacher and there is none, or the two know other conditions.
    """

    def __init__(
        self,
        *,
        teacher: Teacher | None,
        distillation: DistillationSettings | Mapping[str, Any],
        **module: Any,
    ) -> None:
        super().__init__(**module)
        self.distillation = settings_of(DistillationSettings, distillation)
        if self.distillation.asks_teacher and teacher is None:
            raise ConfigError("distillation asks for a teacher: give teacher=<run folder or bundle>")
        if teacher is not None and teacher.network.n_conditions != self.n_conditions:
            raise ConfigError(
                f"the teacher knows {teacher.network.n_conditions} conditions, the student's labels have "
                f"{self.n_conditions}: use the teacher's labels"
            )
        if self.head.condition is not None and self.distillation.teacher_weight == 1:
            knows = teacher is not None and teacher.knows_conditions
            if not knows or not self.distillation.condition_weight:
                raise ConfigError(
                    "nothing would teach the student's conditions: the labels have no weight "
                    "(distillation.teacher_weight=1) and the teacher says nothing of them; use "
                    "distillation.teacher_weight=0.9, or objective=erm"
                )
        self.teacher = teacher
        self.projection: nn.Linear | None = None
        if self.distillation.embedding_weight and teacher is not None:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(self.seed)
                self.projection = nn.Linear(self.backbone.embedding_size, teacher.embedding_size)

    def forward(self, batch: Batch) -> Logits:
        """As `LesionModule`, of pictures of any size."""
        if "image" in batch:
            batch = {**batch, "image": resized(batch["image"], self.backbone.settings.image_size)}
        return super().forward(batch)

    def on_fit_start(self) -> None:
        """Bring the teacher where the student is."""
        super().on_fit_start()
        if self.teacher is not None:
            self.teacher.to(self.device)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """`loss` and its parts `hard`, `malignant`, `condition`, `embedding`, as far as they are there; scalars."""
        settings = self.distillation
        images, share, order = mixed(batch["image"], settings.mixup_alpha)
        output = self({**batch, "image": images})
        parts: dict[str, Tensor] = {}
        loss = output.malignant.new_zeros(())
        if settings.teacher_weight < 1:
            parts["hard"] = share * self.objective.loss(output, batch)["loss"]
            if share < 1:
                other = {name: batch[name][order] for name in ("target", "condition", "weight", "group")}
                parts["hard"] = parts["hard"] + (1 - share) * self.objective.loss(output, other)["loss"]
            loss = loss + (1 - settings.teacher_weight) * parts["hard"]
        if settings.asks_teacher:
            assert self.teacher is not None
            weight = share * batch["weight"] + (1 - share) * batch["weight"][order]
            for name, (factor, values) in self._taught(output, self.teacher(images)).items():
                parts[name] = (weight * values).mean()
                loss = loss + factor * parts[name]
        return {"loss": loss, **parts}

    def _taught(self, output: Logits, said: Probabilities) -> dict[str, tuple[float, Tensor]]:
        """Name -> (factor in the loss, unweighted values [B]) of what the teacher adds."""
        settings = self.distillation
        found: dict[str, tuple[float, Tensor]] = {}
        if settings.teacher_weight:
            soft = settings.teacher_weight * settings.temperature**2
            pair = torch.stack([torch.zeros_like(output.malignant), output.malignant], dim=1)  # logits [B, 2]
            target = torch.stack([1 - said.malignant, said.malignant], dim=1)
            found["malignant"] = (soft, divergence(pair, target, settings.temperature))
            own = self.objective.probabilities(output).conditions
            if own is not None and said.conditions is not None and settings.condition_weight:
                values = divergence(own.clamp(min=_TINY).log(), said.conditions, settings.temperature)
                found["condition"] = (soft * settings.condition_weight, values)
        if self.projection is not None:
            mapped = self.projection(output.embeddings.to(self.projection.weight.dtype)).float()
            values = 1 - F.cosine_similarity(mapped, standardised(said.embeddings), dim=1)
            found["embedding"] = (settings.embedding_weight, values)
        return found

    def heads(self) -> list[nn.Module]:
        """As `LesionModule`, and the map of embeddings."""
        return [self.head] if self.projection is None else [self.head, self.projection]


def divergence(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """KL(target^(1/T) || softmax(logits / T)) [B], in nats, of logits and probabilities [B, K]."""
    said = torch.log_softmax(logits.float() / temperature, dim=1)
    wanted = torch.log_softmax(target.float().clamp(min=_TINY).log() / temperature, dim=1)
    return F.kl_div(said, wanted, reduction="none", log_target=True).sum(dim=1)


def standardised(embeddings: Tensor) -> Tensor:
    """Embeddings [B, D] with mean 0 and variance 1 over the batch, feature by feature; float32."""
    values = embeddings.float()
    if len(values) < 2:
        return values
    return (values - values.mean(dim=0)) / (values.std(dim=0) + 1e-6)


def mixed(images: Tensor, alpha: float) -> tuple[Tensor, float, Tensor]:
    """Mixup of pictures uint8 [B, 3, S, S] (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).

    One share for the whole batch, drawn from Beta(alpha, alpha) with torch's generator of the processor.

    Returns:
        The pictures; the share of the first of each two, at least one half; the position of the second, int64 [B].
    """
    order = torch.arange(len(images), device=images.device)
    if not alpha:
        return images, 1.0, order
    first = float(torch._sample_dirichlet(torch.tensor([alpha, alpha], dtype=torch.float64))[0])
    share = max(first, 1 - first)
    order = torch.randperm(len(images)).to(images.device)
    both = share * images.float() + (1 - share) * images[order].float()
    return both.round_().to(torch.uint8), share, order
