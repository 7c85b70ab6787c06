"""Pictures of what the experiments and your networks give. Imports numpy and matplotlib; the slider wants ipywidgets.

Every function returns a Picture, a matplotlib Figure for a white page or, with dark=True, for a dark one. Its attribute
`alt_text` says in a sentence what is seen; a notebook shows the picture with it. Colours can be told apart in colour
blindness, and lines by their dashes and markers too, so that a print in grey loses nothing.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, in which no two are alike to a colour-blind eye.
BLUE, ORANGE, GREEN, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00"
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")
HATCHES = ("", "///", "...", "xx")


class Picture(Figure):
    """A figure with a sentence for those who cannot see it."""

    alt_text: str = ""

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=100)
        source = base64.b64encode(data.getvalue()).decode()
        return f'<img alt="{html.escape(self.alt_text)}" src="data:image/png;base64,{source}">'


@dataclass(frozen=True)
class _Theme:
    ink: str
    paper: str
    grid: str
    lines: tuple[str, ...]
    mark: str


_LIGHT = _Theme("#1a1a1a", "#ffffff", "#d0d0d0", (BLUE, VERMILION, GREEN, "#555555"), VERMILION)
_DARK = _Theme("#e8e8e8", "#16181d", "#41454d", (SKY, ORANGE, "#3DDBA8", "#cfcfcf"), ORANGE)


def _theme(dark: bool) -> _Theme:
    return _DARK if dark else _LIGHT


def _figure(width: float, height: float, theme: _Theme, rows: int = 1, **options: Any) -> tuple[Picture, list[Axes]]:
    """A figure outside of pyplot: nothing is shown or kept that was not asked for."""
    figure = Picture(figsize=(width, height), layout="constrained", facecolor=theme.paper)
    axes = list(np.ravel(figure.subplots(rows, 1, **options)))
    for axis in axes:
        axis.set_facecolor(theme.paper)
        axis.tick_params(colors=theme.ink, which="both")
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[:].set_color(theme.ink)
    return figure, axes


def _label(axis: Axes, theme: _Theme, x: str = "", y: str = "", title: str = "") -> None:
    axis.set_xlabel(x, color=theme.ink)
    axis.set_ylabel(y, color=theme.ink)
    axis.set_title(title, color=theme.ink, loc="left", fontsize=11)


def _legend(axis: Axes, theme: _Theme, **options: Any) -> None:
    axis.legend(facecolor=theme.paper, edgecolor=theme.grid, labelcolor=theme.ink, framealpha=0.9, **options)


def _told(figure: Picture, text: str) -> Picture:
    figure.alt_text = text
    return figure


def _heat(axis: Axes, values: np.ndarray, theme: _Theme, low: float, high: float) -> Any:
    """(units, T) as cells, unit 0 at the bottom, with a scale beside it."""
    image = axis.imshow(values, aspect="auto", origin="lower", cmap="cividis", vmin=low, vmax=high)
    axis.spines[:].set_visible(False)
    bar = axis.figure.colorbar(image, ax=axis, fraction=0.03, pad=0.01)
    bar.ax.tick_params(colors=theme.ink)
    bar.outline.set_edgecolor(theme.grid)
    return image


def _token_ticks(axis: Axes, tokens: Sequence[object], most: int = 40) -> None:
    """The tokens below their columns; where there are too many, some of them."""
    every = -(-len(tokens) // most)
    places = range(0, len(tokens), every)
    long = any(len(str(tokens[place])) > 3 for place in places)
    axis.set_xticks(list(places), [str(tokens[place]) for place in places], rotation=45 if long else 0,
                    ha="right" if long else "center", rotation_mode="anchor")  # fmt: skip


# ---------------------------------------------------------------- the hidden state


def hidden_state(h: np.ndarray, tokens: Sequence[object], read: int | None = None, dark: bool = False) -> Picture:
    """Draw the states (T, H) of one sequence as a heat map over its tokens, of which `read` have been read.

    What has not been read yet is hatched; read=None shows all. The scale goes from -1 to 1, the range of the tanh.
    """
    steps, units = h.shape
    if len(tokens) != steps:
        raise ValueError(f"{len(tokens)} tokens for {steps} states; one a state is needed")
    read = steps if read is None else read
    theme = _theme(dark)
    figure, (axis,) = _figure(max(5.0, min(12.0, 0.45 * steps + 2)), max(2.4, min(5.0, 0.16 * units + 1.4)), theme)
    shown = np.where(np.arange(steps)[:, np.newaxis] < read, h, np.nan)
    _heat(axis, shown.T, theme, -1.0, 1.0)
    if read < steps:  # hatched, so that nothing is not mistaken for a dark cell
        axis.axvspan(read - 0.5, steps - 0.5, facecolor="none", edgecolor=theme.lines[3], hatch="//", linewidth=0)
    _token_ticks(axis, tokens)
    axis.set_yticks(sorted({0, units - 1}))
    _label(axis, theme, "token", "unit", f"hidden state: {read} / {steps} tokens read")
    return _told(
        figure,
        f"Heat map of a hidden state of {units} units over {steps} tokens, {read} of them read: one column a token, "
        f"values between -1 and 1. {_last_column(h, tokens, read)}",
    )


def _last_column(h: np.ndarray, tokens: Sequence[object], read: int) -> str:
    if not read:
        return "The state is still all zeros."
    unit = int(np.argmax(np.abs(h[read - 1])))
    return f"After {str(tokens[read - 1])!r} unit {unit} stands furthest from zero, at {h[read - 1, unit]:.2f}."


def hidden_state_strip(h: np.ndarray, tokens: Sequence[object], columns: int = 6, dark: bool = False) -> Picture:
    """Draw the state after 0, 1, 2, ... tokens side by side, for a page that cannot move.

    A sequence of more than `columns` tokens is shown at that many moments, evenly spread, the first and last included.
    """
    steps, units = h.shape
    if len(tokens) != steps:
        raise ValueError(f"{len(tokens)} tokens for {steps} states; one a state is needed")
    theme = _theme(dark)
    moments = np.unique(np.linspace(0, steps, min(steps, columns) + 1).round().astype(int))
    states = np.concatenate([np.zeros((1, units)), h])[moments]
    figure = Picture(figsize=(1.2 * len(moments) + 1, max(2.6, min(5.0, 0.16 * units + 1.4))), layout="constrained",
                    facecolor=theme.paper)  # fmt: skip
    axes = figure.subplots(1, len(moments), squeeze=False)[0]
    for axis, moment, state in zip(axes, moments, states, strict=True):
        image = axis.imshow(state[:, np.newaxis], aspect="auto", origin="lower", cmap="cividis", vmin=-1, vmax=1)
        axis.set_xticks([])
        axis.set_yticks(sorted({0, units - 1}) if axis is axes[0] else [])
        axis.tick_params(colors=theme.ink)
        axis.spines[:].set_visible(False)
        _label(axis, theme, "start" if moment == 0 else str(tokens[moment - 1]), "unit" if axis is axes[0] else "",
               f"{moment} / {steps}")  # fmt: skip
    bar = figure.colorbar(image, ax=list(axes), fraction=0.05, pad=0.02)
    bar.ax.tick_params(colors=theme.ink)
    bar.outline.set_edgecolor(theme.grid)
    return _told(
        figure,
        f"The {units} units of a hidden state after {', '.join(map(str, moments))} of {steps} tokens, side by side, "
        f"from all zeros at the start. {_last_column(h, tokens, steps)}",
    )


def hidden_state_slider(h: np.ndarray, tokens: Sequence[object], dark: bool = False) -> Any:
    """Show the heat map with a slider for the tokens read, in a notebook with ipywidgets; elsewhere the strip."""
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        return hidden_state_strip(h, tokens, dark=dark)

    def show(read: int) -> None:
        display(hidden_state(h, tokens, read, dark))  # what a function of `interactive` returns is not shown

    slider = ipywidgets.IntSlider(value=0, min=0, max=len(tokens), description="tokens read")
    return ipywidgets.interactive(show, read=slider)


# ---------------------------------------------------------------- gradients


def gradient_against_distance(gradients: Any, dark: bool = False) -> Picture:
    """Draw a GradientsByDistance of `lab.experiments`: how much of a gradient is left, on a logarithmic axis.

    A norm of exactly 0 has no place on such an axis; its point is left out.
    """
    theme = _theme(dark)
    figure, (axis,) = _figure(6.4, 4.0, theme)
    every = max(1, len(gradients.distance) // 8)
    for index, (name, norms) in enumerate((("RNN", gradients.rnn), ("LSTM", gradients.lstm))):
        drawn = np.where(norms > 0, norms, np.nan)
        axis.plot(gradients.distance, drawn, DASHES[index], color=theme.lines[index], marker=MARKERS[index],
                  markevery=every, linewidth=2, label=name)  # fmt: skip
    axis.set_yscale("log")
    axis.grid(color=theme.grid, linewidth=0.6)
    _label(axis, theme, "distance from the loss, in timesteps", "norm of the gradient at the state",
           "what is left of a gradient")  # fmt: skip
    _legend(axis, theme, loc="lower left")
    far = int(gradients.distance[-1])
    return _told(
        figure,
        f"Two lines on a logarithmic axis: over {far} timesteps the gradient of the RNN goes from "
        f"{gradients.rnn[0]:.1g} to {gradients.rnn[-1]:.0e}, that of the LSTM to {gradients.lstm[-1]:.2g}.",
    )


# ---------------------------------------------------------------- memory


def memory_against_time(profile: Any, dark: bool = False) -> Picture:
    """Draw a MemoryProfile of one T: each interval k at its time and its peak memory, the smallest peak marked."""
    if len(set(profile.T.tolist())) != 1:
        raise ValueError(f"the profile has T = {sorted(set(profile.T.tolist()))}; one T is needed")
    theme = _theme(dark)
    figure, (axis,) = _figure(6.4, 4.2, theme)
    seconds, peak, best = profile.seconds * 1e3, profile.peak / 2**20, profile.best
    axis.plot(seconds, peak, ":", color=theme.lines[3], linewidth=1.2, marker="o", markersize=6,
              markerfacecolor=theme.lines[0], markeredgecolor=theme.paper, zorder=3, label="an interval k")  # fmt: skip
    # Behind the points: those of two intervals often lie close together here.
    axis.plot(seconds[best], peak[best], linestyle="none", marker="*", markersize=20, color=theme.mark, zorder=2.5,
              markeredgecolor=theme.ink, label=f"least memory: k = {profile.k[best]}")  # fmt: skip
    axis.set_yscale("log", base=2)
    axis.margins(0.12)
    for k, x, y in zip(profile.k, seconds, peak, strict=True):
        if k != profile.k[best]:  # which the star names
            small = k < profile.k[best]
            axis.annotate(f"{k}", (x, y), xytext=(9 if small else -9, 0), textcoords="offset points", va="center",
                          ha="left" if small else "right", color=theme.ink, fontsize=9, zorder=4,
                          bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 0.8})  # fmt: skip
    axis.grid(color=theme.grid, linewidth=0.6)
    axis.yaxis.set_major_formatter("{x:g}")
    _label(axis, theme, "time of one call, in ms", "peak memory, in MiB",
           f"storing against recomputing, T = {profile.T[0]}")  # fmt: skip
    _legend(axis, theme)
    return _told(
        figure,
        f"Peak memory against time for checkpoints every k of {profile.T[0]} steps: least at k = {profile.k[best]} "
        f"with {peak[best]:.2g} MiB, against {peak[0]:.2g} at {profile.k[0]} and {peak[-1]:.2g} at {profile.k[-1]}.",
    )


# ---------------------------------------------------------------- a task


def influence_and_accuracy(run: Any, dark: bool = False) -> Picture:
    """Draw a TaskRun: above, how often each position moves the label and the networks' answers; below, recall."""
    theme = _theme(dark)
    figure, (above, below) = _figure(7.2, 5.6, theme, 2)
    # Where all agree, the rings of the labels stand around the networks' marks, and those beside each other.
    places = np.arange(run.T)
    above.plot(places, run.influence["labels"], "o", color=theme.lines[3], markersize=13, markerfacecolor="none",
               markeredgewidth=1.8, label="the task's labels")  # fmt: skip
    networks = [name for name in run.influence if name != "labels"]
    for index, name in enumerate(networks):  # each has the same colour below
        above.plot(places + (-0.18, 0.18)[index], run.influence[name], DASHES[index], marker=MARKERS[index], markersize=5,
                   color=theme.lines[index], linewidth=1, label=f"{name}'s answers")  # fmt: skip
    above.set_ylim(-0.08, 1.4)  # the legend has the room above 1
    above.set_yticks([0, 0.5, 1])
    above.grid(color=theme.grid, linewidth=0.6)
    whole = ", ".join(f"{name} {share:.0%}" for name, share in run.accuracy.items())
    _label(above, theme, "position that is resampled", "share changed",
           f"influence; answers that are right: {whole} (chance {run.chance:.0%})")  # fmt: skip
    _legend(above, theme, loc="upper center", ncols=3, fontsize=9)
    _recall_bars(below, run, theme)
    learned = ", ".join(f"{name} {share:.0%}" for name, share in run.whole.items())
    told = "; ".join(f"{name} {_percent(shares)}" for name, shares in run.recall.items())
    return _told(
        figure,
        f"Labels depend on positions {_listed(run.parts)} of {run.T}. Trained to recall the token there, accuracy is: "
        f"{told}. Of the answers that follow from what was recalled, right are: {whole}. Networks trained on the whole "
        f"answer: {learned}.",
    )


def _recall_bars(axis: Axes, run: Any, theme: _Theme) -> None:
    """Two bars a part, and chance as a line. Where there are many parts they get numbers alone."""
    places, width, few = np.arange(len(run.parts)), 0.36, len(run.parts) <= 6
    for index, (name, shares) in enumerate(run.recall.items()):
        bars = axis.bar(places + (index - 0.5) * width, shares, width, color=theme.lines[index], edgecolor=theme.paper,
                        hatch=HATCHES[index], label=name)  # fmt: skip
        if few:
            axis.bar_label(bars, [f"{share:.2f}" for share in shares], color=theme.ink, fontsize=9, padding=2)
    axis.axhline(run.recall_chance, color=theme.ink, linestyle="--", linewidth=1, label="chance")
    every = 1 + len(run.parts) // 20
    axis.set_xticks(places[::every], [f"position {part}" if few else f"{part}" for part in run.parts[::every]])
    axis.set_ylim(0, 1.4)
    axis.set_yticks([0, 0.5, 1])
    _label(axis, theme, "" if few else "position", "accuracy", "recalling the token of one part, a network a part")
    _legend(axis, theme, loc="upper center", ncols=3, fontsize=9)


def _percent(shares: Sequence[float]) -> str:
    return _listed([f"{share:.0%}" for share in shares])


def _listed(things: Sequence[object]) -> str:
    *most, last = map(str, things) if len(things) else ("none",)
    return f"{', '.join(most)} and {last}" if most else last


# ---------------------------------------------------------------- gates


def gates_over_time(gates: np.ndarray, tokens: Sequence[object], dark: bool = False) -> Picture:
    """Draw the gates (T, 4H) of one sequence, in the order i, f, g, o: a heat map each, and their means below.

    i, f and o lie between 0 and 1. g is the candidate, between -1 and 1: it is drawn on a scale of its own and has
    no place among the means.
    """
    steps, width = gates.shape
    if len(tokens) != steps or width % 4:
        raise ValueError(f"gates {gates.shape} for {len(tokens)} tokens; (T, 4H) with one token a timestep is needed")
    theme = _theme(dark)
    figure, axes = _figure(max(6.0, min(11.0, 0.4 * steps + 2)), 8.4, theme, 5, sharex=True)
    parts = dict(zip("ifgo", np.split(gates, len("ifgo"), 1), strict=True))
    words = {"i": "input gate i: what to write", "f": "forget gate f: what to keep", "g": "candidate g",
             "o": "output gate o: what to show"}  # fmt: skip
    for axis, (name, values) in zip(axes, parts.items(), strict=False):
        _heat(axis, values.T, theme, -1.0 if name == "g" else 0.0, 1.0)
        axis.set_yticks(sorted({0, width // 4 - 1}))
        _label(axis, theme, "", "unit", words[name])
    for index, name in enumerate("ifo"):
        axes[4].plot(np.arange(steps), parts[name].mean(axis=1), DASHES[index], color=theme.lines[index],
                     marker=MARKERS[index], markersize=4, label=name)  # fmt: skip
    axes[4].set_ylim(0, 1)
    axes[4].grid(color=theme.grid, linewidth=0.6)
    _token_ticks(axes[4], tokens)
    _label(axes[4], theme, "token", "mean", "mean over the units")
    _legend(axes[4], theme, ncols=3, loc="best", fontsize=9)
    means = ", ".join(f"{name} {parts[name].mean():.2f}" for name in "ifo")
    return _told(
        figure, f"Heat maps of four gates of {width // 4} units over {steps} tokens, and their means: {means}."
    )
