from experiments.sweeps.tuning.variations import ALL, variations

CONFIG = {
    "training": {"batch_size": 32, "epochs": 20, "steps": None},
    "model": {"hidden": [64, 3], "initializer": None},
}


def varied(**changes):
    config = {**CONFIG, **changes}
    return [one for what in ALL for one in variations(config, what)]


def test_one_thing_at_a_time_is_changed():
    assert varied() == [
        "training.batch_size=8",
        "training.batch_size=128",
        "model.hidden=[32,1]",
        "model.hidden=[128,6]",
        "training.epochs=10",
        "training.epochs=40",
        "model.initializer=xavier",
        "model.initializer=pytorch_uniform",
    ]


def test_the_widths_of_recurrent_layers_are_varied():
    model = {"units": [6], "initializer": None}
    assert varied(model=model)[2:4] == ["model.units=[3]", "model.units=[12]"]


def test_what_a_configuration_does_not_have_is_not_varied():
    training = {"batch_size": "full", "epochs": 20, "steps": 100}
    assert varied(training=training, model={}) == ["training.steps=50", "training.steps=200"]
    training = {"batch_size": "full", "epochs": 20, "steps": None, "evaluations": 100}
    assert varied(training=training, model={}) == [
        "training.evaluations=50",
        "training.evaluations=200",
    ]
