"""The student's lab: what its experiments measure on the reference, and what its pictures draw. No pixels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from memnet.gradients import gradient_norms
from memnet.lstm import lstm_forward, lstm_step_backward
from memnet.memory_budget import rnn_backward_checkpointed
from memnet.memory_task import memory_task_label, memory_task_tokens
from memnet.rnn import rnn_forward

from .conftest import ASSIGNMENT

sys.path.insert(0, str(ASSIGNMENT / "student"))
from lab import experiments, pictures

sys.path.pop(0)


# ---------------------------------------------------------------- experiments


def test_memory_is_least_near_the_square_root_and_time_is_measured():
    T = 256
    profile = experiments.memory_profile(rnn_backward_checkpointed, T, [1, 4, 16, 64, T], repeats=1)
    assert profile.k[profile.best] == 16
    assert profile.T.tolist() == [T] * 5
    assert profile.peak[0] > 2 * profile.peak[2] < profile.peak[-1]
    assert (profile.seconds > 0).all()


def test_memory_profile_takes_several_lengths_and_counts_the_results():
    profile = experiments.memory_profile(rnn_backward_checkpointed, [64, 128], 8, N=3, D=4, H=5, repeats=1)
    assert profile.T.tolist() == [64, 128]
    assert profile.k.tolist() == [8, 8]
    assert (profile.peak >= 8 * 3 * profile.T * 4).all()  # dx alone


def test_a_function_that_stores_everything_is_seen():
    def hoards(dh_last, x, h0, W_xh, W_hh, b, k):
        return np.zeros((x.shape[1], *h0.shape))

    peak = experiments.memory_profile(hoards, [100, 200, 400], 10, N=8, H=64, repeats=1).peak
    assert np.allclose(peak, 8 * 8 * 64 * np.array([100, 200, 400]), rtol=0.01)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_probe_reads_the_last_token_and_of_the_first_only_what_the_lstm_kept(seed):
    found = experiments.probe(rnn_forward, lstm_forward, seed=seed)
    assert found.positions == (0, 10, 19)
    assert found.chance == 0.25
    assert found.rnn[-1] >= 0.99
    assert found.lstm[-1] >= 0.99
    assert (np.abs(found.rnn[:2] - 0.25) <= 0.13).all()
    assert found.lstm[0] >= 0.64


@pytest.mark.parametrize("seed", range(3))
def test_gradients_vanish_in_the_rnn_and_survive_in_the_lstm(seed):
    found = experiments.gradient_norms_by_distance(
        rnn_forward, gradient_norms, lstm_forward, lstm_step_backward, seed=seed
    )
    assert found.distance.tolist() == list(range(61))
    assert found.rnn[0] == pytest.approx(1)
    assert found.lstm[0] == pytest.approx(1)
    assert found.rnn[60] < 1e-3 * found.rnn[30] < 1e-6 * found.rnn[0]
    assert found.lstm.min() >= 3e-2


def test_influence_is_where_the_label_looks_and_nowhere_else():
    shares = experiments.influence(memory_task_tokens, memory_task_label, T=12, V=3)
    assert np.flatnonzero(shares).tolist() == [0, 6, 11]
    assert np.allclose(shares[[0, 6, 11]], 2 / 3, atol=0.05)


def test_influence_survives_a_label_that_changes_its_tokens():
    def careless(tokens, V):
        tokens[:, 1:] = 0
        return tokens[:, 0]

    assert np.flatnonzero(experiments.influence(memory_task_tokens, careless, T=5, V=2)).tolist() == [0]


@pytest.mark.slow
def test_training_on_the_task_gives_all_that_the_picture_needs_and_leaves_torch_as_it_was():
    import torch
    from memnet.simple_rnn import SimpleRNN

    before = torch.get_num_threads(), torch.random.get_rng_state()
    run = experiments.train_on_task(memory_task_tokens, memory_task_label, T=5, V=2, updates=150, simple_rnn=SimpleRNN)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])
    assert run.parts == (0, 2, 4)
    assert run.chance == pytest.approx(0.5, abs=0.05)
    assert run.recall_chance == 0.5
    assert set(run.influence) == {"labels", "RNN", "LSTM"}
    assert all(shares.shape == (5,) for shares in run.influence.values())
    for name in ("RNN", "LSTM"):
        assert run.recall[name].min() >= 0.95  # nothing is far away in five steps
        assert run.accuracy[name] >= 0.9
        assert np.allclose(run.influence[name], run.influence["labels"], atol=0.1)
        assert 0 <= run.whole[name] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("far", [1_000_000, -3, 0.25])
def test_labels_may_be_any_numbers_and_tokens_a_list(far):
    def label(tokens, V):
        return tokens[:, 0] * far + tokens[:, 2] + tokens[:, 4] * far

    run = experiments.train_on_task(lambda *sizes: memory_task_tokens(*sizes).tolist(), label, T=5, V=2, updates=150)
    assert run.parts == (0, 2, 4)
    assert min(run.accuracy["LSTM"], run.whole["LSTM"]) >= 0.9
    assert run.chance == pytest.approx(0.25, abs=0.05)


def test_a_task_with_many_parts_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(experiments, "_train", None)
    with pytest.raises(ValueError, match="37 of 37 positions move the label; a network a position is trained for up to 5"):
        experiments.train_on_task(memory_task_tokens, lambda tokens, V: tokens.sum(1) % V)


@pytest.mark.slow
def test_the_simple_rnn_names_the_first_token_least_often_on_a_fresh_seed():
    """Twenty seeds and the LSTM: `python tests/benchmarks/lab_seeds.py`."""
    first, middle = (experiments.recall_accuracy("RNN", place, memory_task_tokens, seed=77) for place in (0, 18))
    assert first <= 0.8
    assert first + 0.1 <= middle


# ---------------------------------------------------------------- pictures

WORDS = "the trophy would not fit".split()
STATES = np.linspace(-1, 1, 15).reshape(5, 3)


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def dark(request: pytest.FixtureRequest) -> Iterator[bool]:
    return request.param


def drawn(figure):
    figure.canvas.draw()  # a layout that fails, fails here
    assert figure.alt_text.endswith(".")
    return figure


def test_hidden_state_shows_what_was_read(dark):
    figure = drawn(pictures.hidden_state(STATES, WORDS, read=2, dark=dark))
    image = figure.axes[0].images[0]
    cells = np.ma.filled(image.get_array(), np.nan)
    assert cells.shape == (3, 5)
    assert np.array_equal(cells[:, :2], STATES[:2].T)
    assert np.isnan(cells[:, 2:]).all()
    assert image.get_clim() == (-1, 1)
    assert image.get_cmap().name == "cividis"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == WORDS
    assert "2 / 5 tokens read" in figure.axes[0].get_title(loc="left")
    assert "'trophy'" in figure.alt_text


def test_hidden_state_before_anything_is_read_and_after_all():
    assert "all zeros" in pictures.hidden_state(STATES, WORDS, read=0).alt_text
    whole = np.ma.filled(pictures.hidden_state(STATES, WORDS).axes[0].images[0].get_array(), np.nan)
    assert np.array_equal(whole, STATES.T)


def test_strip_starts_with_zeros_and_ends_with_the_last_state(dark):
    figure = drawn(pictures.hidden_state_strip(STATES, WORDS, dark=dark))
    columns = [np.asarray(axis.images[0].get_array())[:, 0] for axis in figure.axes[:6]]
    assert np.array_equal(columns, [np.zeros(3), *STATES])
    assert [axis.get_xlabel() for axis in figure.axes[:6]] == ["start", *WORDS]


def test_a_notebook_gets_the_picture_with_its_sentence():
    shown = pictures.hidden_state(STATES, ["<a>", *WORDS[1:]], read=1)._repr_html_()
    assert 'src="data:image/png;base64,' in shown
    assert "After &#x27;&lt;a&gt;&#x27; unit 0" in shown


def test_a_long_strip_keeps_its_ends():
    figure = pictures.hidden_state_strip(np.tile(STATES, (10, 1)), range(50), columns=4)
    assert [axis.get_title(loc="left") for axis in figure.axes[:5]] == [f"{t} / 50" for t in (0, 12, 25, 38, 50)]


def test_without_ipywidgets_the_slider_is_the_strip(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    figure = pictures.hidden_state_slider(STATES, WORDS)
    assert len(figure.axes) == 7  # six moments and a scale


IN_A_NOTEBOOK = (
    "import numpy as np, sys; sys.path.insert(0, {folder!r}); from lab import pictures\n"
    "shown = pictures.hidden_state_slider(np.linspace(-1, 1, 15).reshape(5, 3), 'the trophy would not fit'.split())\nshown",
    "slider = shown.children[0]; slider.value = 2",
    "slider.value = 4",
)


@pytest.mark.slow
def test_the_slider_redraws_in_a_kernel():
    nbclient, v4 = pytest.importorskip("nbclient"), pytest.importorskip("nbformat").v4
    cells = [v4.new_code_cell(text.format(folder=str(ASSIGNMENT / "student"))) for text in IN_A_NOTEBOOK]
    notebook = v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=True).execute()
    (view,) = notebook.cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    state = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    models = {model["model_name"]: model["state"] for model in state}
    assert models["IntSliderModel"]["max"] == 5
    (shown,) = models["OutputModel"]["outputs"]  # the picture of now, and none of those before
    assert "5 tokens, 4 of them read" in shown["data"]["text/html"]


@pytest.mark.parametrize("draw", [pictures.hidden_state, pictures.hidden_state_strip])
def test_tokens_must_match_states(draw):
    with pytest.raises(ValueError, match="4 tokens for 5 states"):
        draw(STATES, WORDS[:4])


def test_gradients_are_drawn_against_distance_on_a_log_axis(dark):
    norms = experiments.GradientsByDistance(np.arange(4), np.array([1, 0.1, 1e-2, 0.0]), np.array([1, 0.9, 0.8, 0.7]))
    figure = drawn(pictures.gradient_against_distance(norms, dark=dark))
    axis = figure.axes[0]
    rnn, lstm = axis.lines
    assert axis.get_yscale() == "log"
    assert rnn.get_xdata().tolist() == [0, 1, 2, 3]
    assert np.array_equal(rnn.get_ydata(), [1, 0.1, 1e-2, np.nan], equal_nan=True)
    assert lstm.get_ydata().tolist() == [1, 0.9, 0.8, 0.7]
    assert [line.get_label() for line in axis.lines] == ["RNN", "LSTM"]
    assert rnn.get_linestyle() != lstm.get_linestyle()
    assert rnn.get_marker() != lstm.get_marker()


def test_the_least_memory_is_marked(dark):
    profile = experiments.MemoryProfile(
        np.full(3, 64), np.array([1, 8, 64]), np.array([4, 1, 8]) * 2**20, np.array([3, 2, 1]) / 1e3
    )
    figure = drawn(pictures.memory_against_time(profile, dark=dark))
    axis = figure.axes[0]
    curve, star = axis.lines
    assert np.allclose(curve.get_xdata(), [3, 2, 1])
    assert np.allclose(curve.get_ydata(), [4, 1, 8])
    assert (star.get_xdata().tolist(), star.get_ydata().tolist()) == ([2.0], [1.0])
    assert star.get_label() == "least memory: k = 8"
    assert star.get_marker() == "*"
    assert axis.get_yscale() == "log"
    assert [text.get_text() for text in axis.texts] == ["1", "64"]
    assert "at k = 8" in figure.alt_text


def test_memory_of_several_lengths_is_not_one_picture():
    profile = experiments.MemoryProfile(*np.array([[8, 9], [1, 1], [1, 1], [1, 1]]))
    with pytest.raises(ValueError, match="one T is needed"):
        pictures.memory_against_time(profile)


def test_influence_and_recall_are_drawn(dark):
    shares = {"labels": np.eye(5)[0], "RNN": np.eye(5)[1], "LSTM": np.eye(5)[2]}
    recall = {"RNN": np.array([0.5, 1.0]), "LSTM": np.array([0.9, 0.8])}
    run = experiments.TaskRun(5, shares, {"RNN": 0.5, "LSTM": 0.75}, 0.5, (0, 4), recall, 0.5, {"RNN": 0.4, "LSTM": 0.3})
    figure = drawn(pictures.influence_and_accuracy(run, dark=dark))
    above, below = figure.axes
    assert [line.get_ydata().tolist() for line in above.lines] == [list(row) for row in np.eye(5)[:3]]
    assert len({(line.get_linestyle(), line.get_marker()) for line in above.lines}) == 3
    assert [bar.get_height() for bar in below.patches] == [0.5, 1.0, 0.9, 0.8]
    assert len({bar.get_hatch() for bar in below.patches}) == 2
    assert [label.get_text() for label in below.get_xticklabels()] == ["position 0", "position 4"]
    assert below.lines[0].get_ydata()[0] == 0.5
    assert above.lines[0].get_markersize() > 2 * above.lines[1].get_markersize()  # a ring around the others
    assert above.lines[0].get_markerfacecolor() == "none"
    bars = below.containers
    assert [line.get_color() for line in above.lines[1:]] == [to_hex(bar[0].get_facecolor(), False).upper() for bar in bars]
    assert "RNN 50% and 100%" in figure.alt_text
    assert "right are: RNN 50%, LSTM 75%" in figure.alt_text
    assert "RNN 40%, LSTM 30%" in figure.alt_text


@pytest.mark.parametrize("parts", [3, 6, 9, 37])
def test_labels_and_legends_keep_clear_of_each_other_and_of_the_data(parts):
    recall = {"RNN": np.ones(parts), "LSTM": np.ones(parts)}
    sure, shares = {"RNN": 1.0, "LSTM": 1.0}, dict.fromkeys(("labels", "RNN", "LSTM"), np.ones(40))
    run = experiments.TaskRun(40, shares, sure, 0.5, tuple(range(3, parts + 3)), recall, 0.5, sure)
    figure = drawn(pictures.influence_and_accuracy(run))
    above, below = figure.axes
    boxes = [[label.get_window_extent() for label in below.get_xticklabels()], [t.get_window_extent() for t in below.texts]]
    for row in boxes:
        row.sort(key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in pairwise(row))
    for axis, height in ((above, 13 / 2 / 72 * figure.dpi), (below, 0)):  # a ring stands around its point
        top = max([axis.transData.transform((0, 1))[1] + height, *(text.get_window_extent().y1 for text in axis.texts)])
        assert axis.get_legend().get_window_extent().y0 > top


def test_a_task_that_depends_on_nothing_is_drawn_too():
    empty = {"RNN": np.array([]), "LSTM": np.array([])}
    sure = {"RNN": 1.0, "LSTM": 1.0}
    run = experiments.TaskRun(3, {"labels": np.zeros(3)}, sure, 1.0, (), empty, 0.5, sure)
    assert "positions none" in drawn(pictures.influence_and_accuracy(run)).alt_text


def test_gates_are_split_in_their_order(dark):
    gates = np.random.default_rng(0).uniform(0, 1, (5, 12))
    figure = drawn(pictures.gates_over_time(gates, WORDS, dark=dark))
    maps = [axis for axis in figure.axes if axis.images]
    assert len(maps) == 4
    for index, axis in enumerate(maps):
        assert np.array_equal(axis.images[0].get_array(), gates[:, 3 * index : 3 * index + 3].T)
    assert [axis.images[0].get_clim() for axis in maps] == [(0, 1), (0, 1), (-1, 1), (0, 1)]
    means = figure.axes[4]
    assert [line.get_label() for line in means.lines] == ["i", "f", "o"]
    assert np.allclose(means.lines[1].get_ydata(), gates[:, 3:6].mean(axis=1))


def test_gates_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"gates \(5, 3\)"):
        pictures.gates_over_time(STATES, WORDS)


def luminance(colour):
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_ink_and_lines_stand_out_from_the_paper(dark):
    theme = pictures._theme(dark)

    def contrast(colour):
        bright, dim = sorted((luminance(colour), luminance(theme.paper)), reverse=True)
        return (bright + 0.05) / (dim + 0.05)

    assert contrast(theme.ink) >= 7
    assert all(contrast(colour) >= 3 for colour in theme.lines)


def test_the_lab_imports_neither_torch_nor_pyplot_by_itself(run):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import lab.experiments, lab.pictures; "
        "print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    done = run("python", "-c", program, ASSIGNMENT / "student")
    assert done.stdout.strip() == "set()", done.stderr
