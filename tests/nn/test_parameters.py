"""The flat array of parameters and the views into it."""

import numpy as np
import pytest

from nn.parameters import Layout, Parameter

PARAMETERS = [
    Parameter("a/weights", (2, 3), decays=True),
    Parameter("a/bias", (3,)),
    Parameter("b/weights", (3, 1), decays=True),
    Parameter("b/bias", (1,)),
]


@pytest.fixture
def layout() -> Layout:
    return Layout(PARAMETERS)


class TestLayout:
    def test_what_decays_comes_first(self, layout: Layout) -> None:
        # 6 + 3 weights, then 3 + 1 biases
        assert layout.size == 13
        assert layout.decayed == 9
        assert layout.slices == {
            "a/weights": slice(0, 6),
            "b/weights": slice(6, 9),
            "a/bias": slice(9, 12),
            "b/bias": slice(12, 13),
        }

    def test_views_are_views(self, layout: Layout) -> None:
        flat = np.arange(26.0).reshape(2, 13)
        views = layout.views(flat)
        assert views["a/weights"].shape == (2, 2, 3)
        assert views["b/bias"].shape == (2, 1)
        np.testing.assert_array_equal(views["a/weights"][1], [[13, 14, 15], [16, 17, 18]])
        for view in views.values():
            assert np.shares_memory(view, flat)
        views["b/bias"][0] = -1
        assert flat[0, 12] == -1

    def test_fill(self, layout: Layout) -> None:
        flat = np.zeros((2, 13))
        views = layout.views(np.arange(26.0).reshape(2, 13))
        layout.fill(flat, views)
        np.testing.assert_array_equal(flat, np.arange(26.0).reshape(2, 13))
        layout.fill(flat, {name: view[1] for name, view in views.items()})
        np.testing.assert_array_equal(flat, np.tile(np.arange(13.0, 26.0), (2, 1)))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"b/bias": None}, "b/bias"),
            ({"a/weights": np.zeros((3, 2))}, r"a/weights.*\(3, 2\).*\(2, 3\)"),
            ({"b/bias": np.zeros(())}, "b/bias"),
            ({"b/bias": np.zeros((5, 1))}, "b/bias"),
        ],
        ids=str,
    )
    def test_what_does_not_fit_changes_nothing(self, layout, change, message) -> None:
        flat = np.zeros((2, 13))
        values = {name: view[0] for name, view in layout.views(np.ones((1, 13))).items()} | change
        with pytest.raises(ValueError, match=message):
            layout.fill(flat, {k: v for k, v in values.items() if v is not None})
        np.testing.assert_array_equal(flat, 0)

    def test_layers_are_what_decays_of_each(self) -> None:
        two = [Parameter("a/recurrent", (2, 2), decays=True), *PARAMETERS]
        assert Layout(two).layers == {"a": [slice(0, 4), slice(4, 10)], "b": [slice(10, 13)]}

    def test_nothing_at_all(self) -> None:
        empty = Layout([])
        assert empty.layers == {}
        assert empty.size == empty.decayed == 0
        assert empty.views(np.zeros((3, 0))) == {}
