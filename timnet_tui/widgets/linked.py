"""Two charts over the same x: what is in view, and what the cursor reads, is the same in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.strip import Strip
from textual.widget import Widget

from timnet_tui.charts import readout
from timnet_tui.charts.curves import Curves, Look, Metric
from timnet_tui.charts.messages import PictureDrawn, ViewChanged
from timnet_tui.charts.model import BandKind, XAxis
from timnet_tui.charts.readout import Reading
from timnet_tui.charts.widget import Chart
from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import line_of, style

#: what the keys go through
SMOOTHINGS = (0.0, 0.6, 0.9, 0.99)
AXES = (XAxis.EPOCH, XAxis.STEP, XAxis.MINUTES)
BANDS = (BandKind.SD, BandKind.SE, BandKind.CI, BandKind.RANGE)
#: what the upper chart shows; the lower one always shows the loss
METRICS = (Metric.ACCURACY, Metric.UAR, Metric.LEARNING_RATE, Metric.SECONDS)
NO_EPOCH = "no epoch is finished yet"

Choice = TypeVar("Choice")


class ReadChart(Chart):
    """A chart that tells its pair when another picture has come, so that the line below says what it shows."""

    @on(PictureDrawn)
    def _tell(self) -> None:
        """The chart itself takes the picture after this."""
        if isinstance(self.parent, LinkedCharts):
            self.call_later(self.parent.read)


class Readout(Widget):
    """One line: every value at the cursor, or how the curves are shown."""

    DEFAULT_CSS = "Readout { height: 1; }"
    ALLOW_SELECT = False

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - Textual's signature
        """The line as it is now."""
        assert isinstance(self.parent, LinkedCharts)
        said = self.parent.said(palette_of(self.app.current_theme))
        return line_of(said, self.size.width, self.visual_style.rich_style)


class LinkedCharts(Container):
    """The upper chart shows any metric, the lower one the loss; below them stands what is read."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.metric = Metric.ACCURACY
        self._enlarged: str | None = None

    def compose(self) -> ComposeResult:
        """Two charts and a line."""
        yield ReadChart(id="accuracy")
        yield ReadChart(id="loss")
        yield Readout(id="readout")

    @property
    def upper(self) -> Chart:
        """The chart of any metric."""
        return self.query_one("#accuracy", Chart)

    @property
    def loss(self) -> Chart:
        """The loss's chart."""
        return self.query_one("#loss", Chart)

    def show(self, upper: Curves | None, loss: Curves | None) -> None:
        """Show other curves, or the same ones later."""
        self.upper.show(upper, NO_EPOCH)
        self.loss.show(loss, NO_EPOCH)

    @on(ViewChanged)
    def _follow(self, message: ViewChanged) -> None:
        """What is done to one chart is done to both."""
        message.stop()
        other = self.loss if message.chart is self.upper else self.upper
        other.set_view(message.view)
        self.read()

    def read(self) -> None:
        """Say anew what is read."""
        self.query_one(Readout).refresh()

    # one of both

    @property
    def enlarged(self) -> str | None:
        """The id of the chart that has all the room."""
        return self._enlarged

    def enlarge(self, chart: str | None) -> None:
        """Give all the room to one chart, or to both again."""
        self._enlarged = chart
        self.upper.display = chart in (None, "accuracy")
        self.loss.display = chart in (None, "loss")

    @property
    def active(self) -> Chart:
        """The chart that keys are for: they tell the other."""
        return self.loss if self._enlarged == "loss" else self.upper

    # how curves are shown

    @property
    def look(self) -> Look:
        """How the curves are shown; the logarithm is the loss's alone."""
        return self.loss.look

    def set_look(self, look: Look) -> None:
        """Show the curves otherwise."""
        self.loss.set_look(look)
        self.upper.set_look(replace(look, log=False))
        self.read()

    def remembered(self) -> dict[str, object]:
        """How the curves are shown, as values that JSON can hold."""
        look = self.look
        return {
            "metric": self.metric.value,
            "smoothing": look.smoothing,
            "log": look.log,
            "x_axis": look.x_axis.value,
            "band": look.band.value,
            "every_fold": look.every_fold,
        }

    def recall(self, values: Mapping[str, object]) -> None:
        """Show the curves as they were shown when ``values`` were remembered; what cannot be is left as it is."""
        usual = self.look
        self.metric = _known(METRICS, values.get("metric"), self.metric)
        look = Look(
            x_axis=_known(AXES, values.get("x_axis"), usual.x_axis),
            band=_known(BANDS, values.get("band"), usual.band),
            smoothing=_known(SMOOTHINGS, values.get("smoothing"), usual.smoothing),
            log=values.get("log") is True,
            every_fold=values.get("every_fold") is not False,
        )
        if look != usual:
            self.set_look(look)

    def smooth(self, step: int) -> None:
        """The next smoothing weight, or the one before."""
        self.set_look(replace(self.look, smoothing=_next(SMOOTHINGS, self.look.smoothing, step)))

    def next_axis(self) -> None:
        """Epochs, steps, minutes."""
        self.set_look(replace(self.look, x_axis=_next(AXES, self.look.x_axis)))

    def next_band(self) -> None:
        """Another kind of band round the mean."""
        self.set_look(replace(self.look, band=_next(BANDS, self.look.band)))

    def next_metric(self) -> None:
        """Another metric above; whoever gives the curves must give them anew."""
        self.metric = _next(METRICS, self.metric)

    # what is read

    def said(self, colours: Palette) -> Text:
        """Every value at the cursor of both charts; without a cursor, how the curves are shown."""
        cursor = self.active.view.cursor
        plot = self.active.plot
        if cursor is None or plot is None:
            return self._shown_how(colours)
        text = Text(readout.position(plot, cursor), style(colours.accent, bold=True), no_wrap=True)
        for chart in (self.upper, self.loss):
            if chart.plot is not None and chart.display:
                text.append(f"  {chart.plot.title}", style(colours.text, bold=True))
                for reading in chart.readings():
                    text.append(f"  {_value(reading, chart.plot.form)}", style(chart.ink.colour(reading.series)))
        return text

    def _shown_how(self, colours: Palette) -> Text:
        look, view = self.look, self.active.view
        parts = ["all in view" if view.whole else "zoomed, following" if view.follows else "zoomed, 0 shows all"]
        if look.smoothing:
            parts.append(f"smoothed {look.smoothing:g}, as measured behind")
        parts.append(", and . read the values")
        return Text("  ".join(parts), style(colours.faint), no_wrap=True)


def _value(reading: Reading, form: str) -> str:
    name = readout.NAMES[reading.series.role][1]
    smoothed = "" if reading.smoothed is None else f" ~{reading.smoothed:{form}}"
    return f"{name} {readout.value_text(reading, form)}{smoothed}"


def _known(choices: tuple[Choice, ...], value: object, usual: Choice) -> Choice:
    """The one of ``choices`` that equals what a file holds."""
    return next((choice for choice in choices if choice == value), usual)


def _next(choices: tuple[Choice, ...], now: Choice, step: int = 1) -> Choice:
    return choices[(choices.index(now) + step) % len(choices)] if now in choices else choices[0]
