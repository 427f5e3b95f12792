"""Records of earlier versions: what training was made of, before optimizer, schedule and callbacks were groups."""

from __future__ import annotations

from typing import Any

ADAMW = {"_target_": "torch.optim.AdamW", "_partial_": True, "foreach": True}
ONE_CYCLE = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "_partial_": True, "interval": "step"}
EARLY_STOPPING = {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "monitor": "val/loss", "mode": "min"}
DISPLAYS = {
    "progress_bar": {"_target_": "fsdd_lightning.training.progress.ProgressLine"},
    "model_summary": {"_target_": "pytorch_lightning.callbacks.ModelSummary", "max_depth": 2},
}
# Arguments of pl.Trainer that those versions did not know.
ADDED_ARGUMENTS = {
    **{"portable": False, "min_epochs": None, "accelerator": "cpu", "devices": 1, "precision": None},
    **{"fast_dev_run": False, "limit_train_batches": None, "limit_val_batches": None, "overfit_batches": 0},
    **{"accumulate_grad_batches": None, "gradient_clip_algorithm": None, "num_sanity_val_steps": 0},
    **{"log_every_n_steps": None, "enable_progress_bar": True, "enable_model_summary": True, "profiler": None},
    **{"detect_anomaly": False, "inference_mode": None},
}


def with_tool_groups(config: dict[str, Any]) -> dict[str, Any]:
    """The same with the groups of today, which the renamed keys are then moved into; a current config: unchanged."""
    trainer = config.get("trainer")
    if "optimizer" in config or not isinstance(trainer, dict):
        return config
    stages = {"training": {}, "optimizer": dict(ADAMW), "scheduler": dict(ONE_CYCLE)}
    return config | {"trainer": ADDED_ARGUMENTS | trainer} | stages | _callbacks(config.get("callbacks"))


def _callbacks(earlier: Any) -> dict[str, Any]:
    if not isinstance(earlier, dict):
        return {}
    tools: dict[str, Any] = {name: tool if earlier.get(name) else None for name, tool in DISPLAYS.items()}
    patience = earlier.get("early_stopping_patience")
    if patience is not None:
        tools["early_stopping"] = EARLY_STOPPING | {"patience": patience}
    return {"callbacks": tools}
