"""Finds words of a picture that stand on one another, or that leave it."""

from itertools import combinations

from matplotlib.text import Text


def words_of(figure):
    """All texts that are seen, with their boxes in pixels."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    hidden = {id(text) for text in beyond_the_limits(figure)}
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


def beyond_the_limits(figure):
    """Labels of ticks that an axis has but does not draw."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)


def crowded(figure):
    """Pairs of texts that overlap by more than two pixels each way."""
    return [
        (first, second)
        for (first, a), (second, b) in combinations(words_of(figure), 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 2 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2
    ]


def outside(figure):
    """Texts that are cut by the edge of the picture."""
    width, height = figure.get_size_inches() * figure.dpi
    return [
        text
        for text, box in words_of(figure)
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]
