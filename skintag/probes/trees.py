"""What a saved XGBoost model has to be before XGBoost sees it: trees that lead from a root to leaves, and nothing else.

XGBoost follows the numbers in a model file without looking: children outside the tree or leading back, features that
are not there and counts that do not fit make it read where nothing is, and the process dies. Of the three ways to be
safe from that - a child process that may die, a form of our own, looking first - this is the one by which predictions
stay XGBoost's without a process for each: the file is read within bounds (`skintag.probes.ubjson`), checked here in
full, and what was checked, written anew, is all that XGBoost is given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from skintag.probes import ubjson

_LARGEST: Final = 256 << 20  # bytes; 500 rounds of ten classes at depth six are 60 million
_OBJECTIVES: Final = {"binary:logistic": "reg_loss_param", "multi:softprob": "softmax_multiclass_param"}
_NO_PARENT: Final = 2**31 - 1
_NODES: Final = {
    "base_weights": "f", "default_left": "u", "left_children": "i", "loss_changes": "f", "parents": "i",
    "right_children": "i", "split_conditions": "f", "split_indices": "i", "split_type": "u", "sum_hessian": "f",
}  # fmt: skip
_NO_CATEGORIES: Final = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def checked_model(data: bytes, *, features: int, classes: int) -> bytearray:
    """A saved model (UBJSON) of which every number was looked at, for `Booster.load_model`.

    Args:
        data: the file.
        features: numbers in an embedding.
        classes: of the condition model; 1 for the malignancy model.

    Raises:
        ValueError: it is no such model, and why.
    """
    if len(data) > _LARGEST:
        raise ValueError(f"{len(data):,} bytes, more than {_LARGEST:,}")
    model = ubjson.read(data)
    _keys(model, "the file", {"learner", "version"})
    learner = model["learner"]
    _keys(
        learner, "learner",
        {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"},
    )  # fmt: skip
    _check_learner(learner, features, classes)
    booster = learner["gradient_booster"]
    _keys(booster, "gradient_booster", {"model", "name"})
    if booster["name"] != "gbtree":
        raise ValueError(f"a booster {booster['name']!r}, not gbtree")
    _check_trees(booster["model"], features, classes)
    return bytearray(ubjson.write(model))


def _check_learner(learner: dict[str, Any], features: int, classes: int) -> None:
    """What stands beside the trees."""
    for name in ("feature_names", "feature_types"):
        if len(learner[name]):
            raise ValueError(f"{name}, which no probe has")
    attributes = learner["attributes"]
    if not isinstance(attributes, dict) or not all(isinstance(v, str) for v in attributes.values()):
        raise ValueError("attributes that are no texts")
    params = learner["learner_model_param"]
    _keys(
        params,
        "learner_model_param",
        {"base_score", "num_class", "num_feature", "num_target"},
        {"boost_from_average"},
    )
    _is(params, "num_feature", (features,))
    _is(params, "num_class", (classes,) if classes > 1 else (0, 1))
    _is(params, "num_target", (1,))
    scores = re.findall(r"[^\[\],]+", str(params["base_score"]))
    if len(scores) not in (1, classes) or not all(math.isfinite(float(score)) for score in scores):
        raise ValueError(f"base_score={params['base_score']!r}")
    objective = learner["objective"]
    name = "multi:softprob" if classes > 1 else "binary:logistic"
    found = objective.get("name") if isinstance(objective, dict) else None
    if found != name:
        raise ValueError(f"the objective {found!r} of {classes} class(es)")
    _keys(objective, "objective", {"name", _OBJECTIVES[name]})
    held = objective[_OBJECTIVES[name]]
    if not isinstance(held, dict) or not all(isinstance(v, str) for v in held.values()):
        raise ValueError("an objective whose parameters are no texts")
    if classes > 1:
        _keys(held, _OBJECTIVES[name], {"num_class"})
        _is(held, "num_class", (classes,))


def _check_trees(model: Any, features: int, classes: int) -> None:
    """How many there are, of which class each is, and each of them."""
    _keys(model, "model", {"gbtree_model_param", "iteration_indptr", "tree_info", "trees"}, {"cats"})
    if any(len(part) for part in model.get("cats", {}).values()):
        raise ValueError("categories, which no probe has")
    trees, param = model["trees"], model["gbtree_model_param"]
    _keys(param, "gbtree_model_param", {"num_parallel_tree", "num_trees"})
    _is(param, "num_trees", (len(trees),))
    _is(param, "num_parallel_tree", (1,))
    info, rounds = (np.asarray(model[name], dtype=np.int64) for name in ("tree_info", "iteration_indptr"))
    expected = np.arange(0, len(trees) + 1, classes)
    if len(trees) % classes or not np.array_equal(info, np.arange(len(trees)) % classes):
        raise ValueError(f"tree_info that does not go round {classes} class(es)")
    if not np.array_equal(rounds, expected):
        raise ValueError("iteration_indptr that does not count rounds of one tree for each class")
    for number, tree in enumerate(trees):
        try:
            _check_tree(tree, number, features)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"tree {number}: {error}") from error


def _check_tree(tree: Any, number: int, features: int) -> None:
    """One tree: every node is reached once from the root, splits on a feature that is there, or is a leaf."""
    _keys(tree, "the tree", {*_NODES, *_NO_CATEGORIES, "id", "tree_param"})
    if tree["id"] != number:
        raise ValueError(f"id={tree['id']!r}")
    param, nodes = tree["tree_param"], len(tree["left_children"])
    _keys(param, "tree_param", {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"})
    _is(param, "num_nodes", (nodes,))
    _is(param, "num_feature", (features,))
    _is(param, "num_deleted", (0,))
    _is(param, "size_leaf_vector", (0, 1))
    if any(len(tree[name]) for name in _NO_CATEGORIES):
        raise ValueError("categories, which no probe has")
    for name, kind in _NODES.items():
        column = tree[name]
        if (
            not isinstance(column, np.ndarray)
            or column.dtype.kind != kind
            or len(column) != nodes
            or not nodes
        ):
            raise ValueError(f"{name} that is no array of {nodes} numbers")
        if kind == "f" and not np.isfinite(column).all():
            raise ValueError(f"{name} with nan or infinity")
    left, right, parents = (tree[f].astype(np.int64) for f in ("left_children", "right_children", "parents"))
    _check_paths(left, right, parents)
    feature = tree["split_indices"]
    if feature.min() < 0 or feature.max() >= features:
        raise ValueError(f"a split on feature {int(feature.max())} of {features}")
    if tree["split_type"].any() or tree["default_left"].max() > 1:
        raise ValueError("splits by category, or flags above 1")


def _check_paths(left: NDArray[np.int64], right: NDArray[np.int64], parents: NDArray[np.int64]) -> None:
    """Two children or none, each after its parent, each with one parent: so no way leads back."""
    nodes = np.arange(len(left))
    inner = left != -1
    if not np.array_equal(inner, right != -1):
        raise ValueError("a node with one child")
    children = np.concatenate([left[inner], right[inner]])
    above = np.concatenate([nodes[inner], nodes[inner]])
    if not np.array_equal(np.sort(children), nodes[1:]):
        raise ValueError("children that are not every node but the root, once")
    if (children <= above).any() or not np.array_equal(parents[children], above) or parents[0] != _NO_PARENT:
        raise ValueError("children and parents that do not agree")


def _is(param: dict[str, Any], name: str, wanted: Collection[int]) -> None:
    """XGBoost keeps these numbers as texts."""
    value = param[name]
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,9}", value) or int(value) not in wanted:
        raise ValueError(f"{name}={value!r}, expected {' or '.join(map(str, wanted))}")


def _keys(value: Any, what: str, needed: Collection[str], further: Collection[str] = ()) -> None:
    """Exactly these members, but for `further`, which may be missing."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")
    if odd := (set(value) - set(further)) ^ set(needed):
        raise ValueError(f"{what} with other members than expected: {', '.join(sorted(odd))[:200]}")
