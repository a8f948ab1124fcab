"""Makes optuna.db, the storage that the archive's Optuna import is tested on, with Optuna 5.0.0 itself:

    pip install optuna==5.0.0 && python make_optuna.py
"""

import pathlib

import optuna

PATH = pathlib.Path(__file__).with_name("optuna.db")


def tuned(trial):
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam", None])
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 4)
    if optimizer == "sgd":
        trial.suggest_float("momentum", 0.0, 0.9, step=0.1)
    for step in range(3):
        trial.report(lr * step, step)
        if trial.should_prune():
            raise optuna.TrialPruned()
    if layers == 4:
        raise ValueError("four layers do not fit")
    trial.set_user_attr("parameters", layers * 1.5)
    trial.set_user_attr("host", "a name")
    return lr * layers


def two_objectives(trial):
    x = trial.suggest_float("x", -1.0, 1.0)
    return x * x, (x - 1.0) ** 2


PATH.unlink(missing_ok=True)
optuna.logging.set_verbosity(optuna.logging.CRITICAL)
storage = f"sqlite:///{PATH}"
study = optuna.create_study(
    study_name="tuned",
    storage=storage,
    direction="maximize",
    sampler=optuna.samplers.RandomSampler(seed=1),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
)
study.optimize(tuned, n_trials=20, catch=(ValueError,))
study.ask()  # stays running
two = optuna.create_study(
    study_name="two",
    storage=storage,
    directions=["minimize", "maximize"],
    sampler=optuna.samplers.RandomSampler(seed=2),
)
two.optimize(two_objectives, n_trials=3)

# What the test expects, as Optuna itself reads it back.
for study in [optuna.load_study(study_name=name, storage=storage) for name in ["tuned", "two"]]:
    print("#", study.study_name)
    for trial in study.trials:
        print(trial.number, trial.state.name, trial.values, trial.params, trial.intermediate_values)
