"""Runs in a process of its own, as unsloth rewrites parts of transformers until the process ends.

    python -m tests.training.unsloth_probe STUDENT FOLDER PRECISION TUNING…

Prints one JSON line for each way to tune; everything else on stdout would be a banner that reached the cell.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from .arrays import Fit, heavier, rows


def main(student: str, folder: str, precision: str, tuning: str) -> dict:
    from reasonbook.training.runs.output_log import muted

    with muted(Path(folder) / "output.log"):
        fit = Fit(
            Path(folder), Path(student), tuning=tuning, precision=precision, backend="unsloth", max_steps=20,
            learning_rate=5e-3,
        )  # fmt: skip
        seen: set[str] = set()

        from reasonbook.training.backends.pick import get_backend

        backend = get_backend("unsloth")
        model = backend.load(fit.plan)
        from transformers import Trainer

        original = Trainer._prepare_inputs

        def look(self, inputs):
            for ids, labels, mask in zip(
                inputs["input_ids"], inputs["labels"], inputs["attention_mask"], strict=True
            ):
                n = int(mask.sum())
                seen.add(digest(ids[:n].numpy(), labels[:n].numpy()))
            return original(self, inputs)

        Trainer._prepare_inputs = look
        _, outcome = fit.run(model=model)
        Trainer._prepare_inputs = original
        given = {digest(i, t) for i, t in zip(fit.train.input_ids, fit.train.labels, strict=True)}
        given |= {digest(i, t) for i, t in zip(fit.validation.input_ids, fit.validation.labels, strict=True)}
        model.save_pretrained(Path(folder) / "model")
        from reasonbook.training.loop.checkpoints import latest

        again = backend.load(fit.plan, weights=Path(folder) / "model")
        import torch

        ids = torch.tensor([[5, 6, 7, 8]])
        with torch.no_grad():
            a, b = model.eval()(input_ids=ids).logits, again.eval()(input_ids=ids).logits
        kinds = sorted({type(p).__name__ for p in model.parameters()})
        steps = fit.of("step")
        return {
            "steps": outcome.step,
            "first": steps[0]["loss"],
            "last": steps[-1]["loss"],
            "evals": [e["eval_loss"] for e in fit.of("eval")],
            "foreign_rows": len(seen - given),
            "rows_seen": len(seen & given),
            "kinds": kinds,
            "checkpoint": str(latest(Path(folder))),
            "reload_gap": float((a.float() - b.float()).abs().max()),
            "trainable": sum(p.requires_grad for p in model.parameters()),
            "row_losses": len(fit.row_losses),
            **(masked_and_weighed(fit) if precision == "fp32" else {}),
        }


def masked_and_weighed(fit: Fit) -> dict:
    """Losses of steps in which two of three target tokens are masked, then the same where these have weight 0."""
    data = heavier(rows(24), [2.0, 0.0, 0.0])
    labels = [
        np.where(w > 0, t, -100).astype(np.int32) for t, w in zip(data.labels, data.weights, strict=True)
    ]
    found = {}
    for name, train in (("masked", replace(rows(24), labels=labels)), ("weighed", data)):
        each = Fit(
            fit.folder / name, Path(fit.plan.student), train=train, tuning=fit.plan.tuning, precision="fp32",
            backend="unsloth", max_steps=3, eval_every=3, learning_rate=5e-3, micro_batch_size=3,
        )  # fmt: skip
        each.run()
        found[name] = [step["loss"] for step in each.of("step")] + [each.of("eval")[0]["eval_loss"]]
        found[f"{name}_rows"] = sum(len(seen) for _, seen, _ in each.row_losses)
    return found


def digest(ids: np.ndarray, labels: np.ndarray) -> str:
    return hashlib.sha256(ids.astype(np.int32).tobytes() + labels.astype(np.int32).tobytes()).hexdigest()


if __name__ == "__main__":
    for way in sys.argv[4:]:
        place = Path(sys.argv[2]) / way
        place.mkdir()
        print(json.dumps(main(sys.argv[1], str(place), sys.argv[3], way)), flush=True)
