"""The arguments of `pl.Trainer` that are not for use here, and why: they would break what a run promises."""

from __future__ import annotations

_ONE_DEVICE = (
    "a network trains on one device, so that its bits do not depend on how many there are; "
    "hydra/launcher=joblib trains several networks at once"
)
_WHOLE_EPOCHS = "training ends with an epoch, which is validated, kept and resumed from: use max_epochs"
_EVERY_EPOCH = "every epoch is validated once: the kept epoch, early stopping and resuming rest on that"
_IN_THE_RECORD = "the config of a run is in its run.json and on TensorBoard's page HPARAMS"

REFUSED: dict[str, str] = {
    "strategy": _ONE_DEVICE,
    "num_nodes": _ONE_DEVICE,
    "sync_batchnorm": _ONE_DEVICE,
    "use_distributed_sampler": _ONE_DEVICE,
    "logger": "it is a group of its own, such as logger=csv",
    "callbacks": "it is a group of its own, such as callbacks=early_stopping",
    "default_root_dir": "a run writes to its own folder: see output_root and hydra.run.dir",
    "plugins": "they may change the arithmetic and the checkpoints that resuming needs; see precision",
    "deterministic": "a run is always repeatable: it is on wherever an accelerator needs it",
    "benchmark": "it chooses kernels by their time, so that the same command would not give the same bits",
    "enable_checkpointing": "the kept epoch and resuming a killed run rest on checkpoints",
    "barebones": "it turns off validation and checkpoints, which the kept epoch and resuming rest on",
    "max_time": "where it stops depends on the machine, so that the same command would not give the same bits",
    "max_steps": _WHOLE_EPOCHS,
    "min_steps": _WHOLE_EPOCHS,
    "val_check_interval": _EVERY_EPOCH,
    "check_val_every_n_epoch": _EVERY_EPOCH,
    "limit_test_batches": "the test set is evaluated once and whole: a part of it would be another result",
    "limit_predict_batches": "nothing is predicted while training: see fsdd-predict",
    "reload_dataloaders_every_n_epochs": "the order of all clips follows from the seed",
    "enable_autolog_hparams": _IN_THE_RECORD,
    "model_registry": _IN_THE_RECORD,
}
