"""The factors of a trained model."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import FreshetError
from .places import Place, place

_BLOCK_USERS = 1024


@dataclass(frozen=True)
class Factors:
    """Vectors of users and items, their rows in the order of the ids. Biases and `mean` only exist for ratings."""

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    users: Any
    items: Any
    user_biases: Any = None
    item_biases: Any = None
    mean: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def user_rows(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.user_ids)}

    @cached_property
    def item_rows(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.item_ids)}

    def scores(self, users: Sequence[str]) -> Any:
        """The scores of all items, one row for each of these users."""
        unknown = next((user for user in users if user not in self.user_rows), None)
        if unknown is not None:
            raise FreshetError(f"the model has no user {unknown}", fix="ask for users in user_rows")
        rows = [self.user_rows[user] for user in users]
        scores = self.users[rows] @ self.items.T
        if self.user_biases is not None:
            scores = scores + self.mean + self.user_biases[rows] + self.item_biases.T
        return scores

    def lists(
        self, users: Sequence[str], n: int, *, seen: Mapping[str, Any] | None = None
    ) -> dict[str, list[tuple[str, float]]]:
        """The best items of each user with their scores, best first, without those that `seen` has for the user."""
        import numpy

        found: dict[str, list[tuple[str, float]]] = {}
        n = min(n, len(self.item_ids))
        for start in range(0, len(users), _BLOCK_USERS):
            block = list(users[start : start + _BLOCK_USERS])
            scores = numpy.array(self.scores(block), dtype="float32")
            for row, user in enumerate(block):
                hidden = [self.item_rows[item] for item in (seen or {}).get(user, ()) if item in self.item_rows]
                scores[row, hidden] = -numpy.inf
            best = numpy.argpartition(-scores, n - 1, axis=1)[:, :n]
            for row, user in enumerate(block):
                # Ties go to the lower row, as in the engine.
                order = best[row][numpy.lexsort((best[row], -scores[row, best[row]]))]
                found[user] = [
                    (self.item_ids[item], float(scores[row, item]))
                    for item in order
                    if numpy.isfinite(scores[row, item])
                ]
        return found


def read_factors(path: str | Path, *, filesystem: Any = None) -> Factors:
    """The factors in a directory that `freshet train --output` wrote, in a file of `freshet export factors`, in an
    `.npz` file with `user_factors`, `item_factors`, `user_ids` and `item_ids`, or in the `userFactors` and
    `itemFactors` of a model of Spark."""
    at = place(path, filesystem)
    if not at.is_directory:
        factors = _npz(at) if at.path.endswith(".npz") else _exported(at)
    elif at.child("userFactors").exists():
        factors = _spark(at)
    else:
        factors = _arrays(at)
    for what, ids, rows in (("user", factors.user_ids, factors.users), ("item", factors.item_ids, factors.items)):
        if rows.ndim != 2 or len(ids) != len(rows):
            raise FreshetError(
                f"{at.name} has {len(ids)} ids of {what}s and vectors of the shape {rows.shape}", fix="export it again"
            )
    if factors.users.shape[1] != factors.items.shape[1]:
        raise FreshetError(
            f"{at.name} has users with {factors.users.shape[1]} factors and items with {factors.items.shape[1]}"
        )
    return factors


def _bytes(at: Place) -> io.BytesIO:
    with at.open() as stream:
        return io.BytesIO(stream.read())


def _arrays(at: Place) -> Factors:
    import numpy

    def array(name: str) -> Any:
        return numpy.load(_bytes(at.child(name)), allow_pickle=False)

    def ids(name: str) -> list[str]:
        text = _bytes(at.child(name)).read().decode()
        return text.removesuffix("\n").split("\n") if text else []

    if not at.child("user_factors.npy").exists():
        raise FreshetError(f"{at.name} has no user_factors.npy", fix="give a directory of freshet train --output")
    facts: dict[str, Any] = {}
    biases: dict[str, Any] = {}
    if at.child("ratings.json").exists():
        facts = json.loads(_bytes(at.child("ratings.json")).read())
        biases = {
            "user_biases": array("user_biases.npy"),
            "item_biases": array("item_biases.npy"),
            "mean": float(facts["mean"]),
        }
    return Factors(
        ids("user_ids.txt"),
        ids("item_ids.txt"),
        array("user_factors.npy"),
        array("item_factors.npy"),
        settings=facts,
        **biases,
    )


def _npz(at: Place) -> Factors:
    import numpy

    try:
        with numpy.load(_bytes(at), allow_pickle=False) as arrays:
            have = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError) as fault:
        raise FreshetError(
            f"{at.name} cannot be read: {fault}", fix="save ids as an array of text, not of objects"
        ) from fault
    missing = [name for name in ("user_factors", "item_factors") if name not in have]
    if missing:
        raise FreshetError(f"{at.name} has no {missing[0]}", fix=f"it has {', '.join(sorted(have))}")

    def ids(name: str, count: int) -> list[str]:
        return [str(each) for each in have[name]] if name in have else [str(row) for row in range(count)]

    users, items = have["user_factors"], have["item_factors"]
    scalars = {name: value.item() for name, value in have.items() if value.ndim == 0}
    return Factors(ids("user_ids", len(users)), ids("item_ids", len(items)), users, items, settings=scalars)


def _exported(at: Place) -> Factors:
    """A table with the columns `kind` (user or item), `id` and `factors`."""
    import pyarrow.compute

    from .tables import read

    table = read(at.path, form="arrow", filesystem=at.filesystem)
    missing = [name for name in ("kind", "id", "factors") if name not in table.column_names]
    if missing or not pyarrow.types.is_list(table.schema.field("factors").type):
        raise FreshetError(
            f"{at.name} has no factors",
            fix="give a directory of freshet train --output, or a file of freshet export factors",
        )
    sides = []
    for kind in ("user", "item"):
        rows = table.filter(pyarrow.compute.equal(table["kind"], kind))
        sides.append((rows["id"].to_pylist(), _matrix(at, rows["factors"])))
    return Factors(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def _matrix(at: Place, column: Any) -> Any:
    """Lists of one length as rows."""
    import pyarrow
    import pyarrow.compute

    lengths = pyarrow.compute.unique(pyarrow.compute.list_value_length(column)).to_pylist()
    if len(lengths) > 1 or None in lengths:
        raise FreshetError(f"{at.name} has vectors of several lengths", fix="export it again")
    flat = pyarrow.compute.list_flatten(column).cast(pyarrow.float32()).to_numpy()
    return flat.reshape(len(column), *lengths or [0])


def _spark(at: Place) -> Factors:
    import numpy

    from .tables import read

    sides = []
    for name in ("userFactors", "itemFactors"):
        table = read(at.child(name).path, form="arrow", filesystem=at.filesystem)
        order = numpy.argsort(numpy.array([str(each) for each in table["id"].to_pylist()]), kind="stable")
        features = numpy.array(table["features"].to_pylist(), dtype="float32")
        ids = table["id"].to_pylist()
        sides.append(([str(ids[row]) for row in order], features[order]))
    return Factors(sides[0][0], sides[1][0], sides[0][1], sides[1][1])
