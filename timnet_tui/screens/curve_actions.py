"""What keys do to a pair of linked charts, for every screen that shows one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from timnet_tui.widgets.linked import LinkedCharts


class CurveActions:
    """Mixed into a screen that says which charts its keys are for."""

    @property
    @abstractmethod
    def charts(self) -> LinkedCharts:
        """The charts."""

    @abstractmethod
    def show_curves(self) -> None:
        """Give the charts their curves anew: another metric is wanted."""

    def action_zoom_in(self) -> None:
        """Less in view."""
        self.charts.active.zoom_in()

    def action_zoom_out(self) -> None:
        """More in view."""
        self.charts.active.zoom_out()

    def action_pan_left(self) -> None:
        """Earlier epochs."""
        self.charts.active.pan_left()

    def action_pan_right(self) -> None:
        """Later epochs."""
        self.charts.active.pan_right()

    def action_cursor_left(self) -> None:
        """Read the epoch before."""
        self.charts.active.cursor_left()

    def action_cursor_right(self) -> None:
        """Read the epoch after."""
        self.charts.active.cursor_right()

    def action_cursor_far_left(self) -> None:
        """Read some epochs before."""
        self.charts.active.cursor_left(big=True)

    def action_cursor_far_right(self) -> None:
        """Read some epochs after."""
        self.charts.active.cursor_right(big=True)

    def action_reset_view(self) -> None:
        """Everything in view, no cursor."""
        self.charts.active.reset()

    def action_log_scale(self) -> None:
        """The loss on a logarithmic or a linear axis."""
        self.charts.set_look(replace(self.charts.look, log=not self.charts.look.log))

    def action_smoother(self) -> None:
        """More smoothing; after the most, none."""
        self.charts.smooth(1)

    def action_rougher(self) -> None:
        """Less smoothing."""
        self.charts.smooth(-1)

    def action_x_axis(self) -> None:
        """Epochs, steps, minutes."""
        self.charts.next_axis()

    def action_band(self) -> None:
        """Another band round the mean."""
        self.charts.next_band()

    def action_every_fold(self) -> None:
        """The single folds behind the mean, or the mean alone."""
        self.charts.set_look(replace(self.charts.look, every_fold=not self.charts.look.every_fold))

    def action_metric(self) -> None:
        """Another metric above."""
        self.charts.next_metric()
        self.show_curves()
