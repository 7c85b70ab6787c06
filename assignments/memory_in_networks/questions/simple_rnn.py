"""Part F: the lesson's network in torch, and the way from our weights to torch's. Torch comes in inside functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

Array = np.ndarray[Any, Any]
BUILD = ("model = SimpleRNN(input_size, hidden_size, output_size)", "loaded = model.load_state_dict(weights)")
WHOLE, PADDED = "y = model.forward(x)", "y_padded = model.forward(x, lengths)"


def _gradient_calls(answer: str, arguments: str) -> tuple[str, ...]:
    """A network of its own whose answers are added up, and what that sends back to a bias of its nn.RNN."""
    return (
        *BUILD, f"{answer} = model.forward({arguments})", f"{answer}_sum = {answer}.sum()",
        f"done = {answer}_sum.backward()", "bias = model.get_parameter(bias_name)",
        f"{answer}_gradient = bias.__getattribute__(grad)",
    )  # fmt: skip


GRADIENTS = (*_gradient_calls("y", "x"), *_gradient_calls("y_padded", "x, lengths"))

# ---------------------------------------------------------------- networks, right and wrong


def _network(read: Any, **options: Any) -> Any:
    """A class like the student's: an nn.RNN with `options`, and `read(model, x, lengths)` for its forward."""

    def build(input_size: int, hidden_size: int, output_size: int) -> Any:
        import torch

        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = torch.nn.RNN(input_size, hidden_size, **{"batch_first": True, **options})
                self.fc = torch.nn.Linear(hidden_size, output_size)
                self.kept = None

            def forward(self, x: Any, lengths: Any = None) -> Any:
                return read(self, x, lengths)

        return Network()

    return build


def _each_alone(model: Any, x: Any, lengths: Any) -> Any:
    """The oracle: every sample by itself, cut at its own length."""
    import torch

    own = [x.shape[1]] * len(x) if lengths is None else lengths.tolist()
    return model.fc(torch.cat([model.rnn(x[n : n + 1, :length])[0][:, -1] for n, length in enumerate(own)]))


def _last(states: Any, lengths: Any) -> Any:
    import torch

    return states[:, -1] if lengths is None else states[torch.arange(len(states)), lengths - 1]


def _plainly(model: Any, x: Any, lengths: Any) -> Any:
    return model.fc(_last(model.rnn(x)[0], lengths))


def _with_lengths(pick: Any) -> Any:
    """Wrong where lengths are given only: `pick(states, lengths)`."""

    def read(model: Any, x: Any, lengths: Any) -> Any:
        states = model.rnn(x)[0]
        return model.fc(states[:, -1] if lengths is None else pick(states, lengths))

    return read


def _real(states: Any, lengths: Any) -> Any:
    """1 where a timestep is real, 0 on padding, as (N, T, 1)."""
    import torch

    T = states.shape[1]
    own = torch.full((len(states),), T) if lengths is None else lengths
    return (torch.arange(T) < own[:, None])[..., None].to(states.dtype)


def _mean(model: Any, x: Any, lengths: Any) -> Any:
    states = model.rnn(x)[0]
    real = _real(states, lengths)
    return model.fc((states * real).sum(1) / real.sum(1))


def _at_index_of_length(states: Any, lengths: Any) -> Any:
    import torch

    return states[torch.arange(len(states)), lengths]


def _at_index_of_length_or_last(states: Any, lengths: Any) -> Any:
    return _at_index_of_length(states, lengths.clamp(max=states.shape[1] - 1))


def _sorted_and_left_so(states: Any, lengths: Any) -> Any:
    return _last(states, lengths)[lengths.argsort(descending=True)]


def _zeroed_padding(model: Any, x: Any, lengths: Any) -> Any:
    return model.fc(model.rnn(x * _real(x, lengths))[0][:, -1])


def _state_kept(model: Any, x: Any, lengths: Any) -> Any:
    states, model.kept = model.rnn(x, model.kept)
    return model.fc(_last(states, lengths))


def _time_first(model: Any, x: Any, lengths: Any) -> Any:
    N, T, D = x.shape
    return model.fc(_last(model.rnn(x.reshape(T, N, D))[0].transpose(0, 1), lengths))


# ---------------------------------------------------------------- weights, right and wrong


def _state(weight_ih: Any = None, weight_hh: Any = None, bias_ih: Any = None, bias_hh: Any = None,
           key: Any = "{}_l0", leave_out: str = "", made: Any = None) -> Any:  # fmt: skip
    """A state dict that goes wrong where an argument says so: each part is f(W_xh, W_hh, b), and made(part) of it."""

    def convert(W_xh: Array, W_hh: Array, b: Array) -> Any:
        import torch

        right = {"weight_ih": W_xh, "weight_hh": W_hh, "bias_ih": b, "bias_hh": np.zeros_like(b)}
        wrong = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
        parts = {name: wrong[name](W_xh, W_hh, b) if wrong[name] else value for name, value in right.items()}
        make = made or torch.tensor
        return {key.format(name): make(part) for name, part in parts.items() if name != leave_out}

    return convert


# ---------------------------------------------------------------- draws


def _batch(*lengths: int) -> Any:
    """A padded batch in float32, one with its padding changed, one turned round, and weights to load."""

    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        N, T, D, H, V = (sizes[axis] for axis in "NTDHV")
        shapes = {
            "rnn.weight_ih_l0": (H, D), "rnn.weight_hh_l0": (H, H), "rnn.bias_ih_l0": (H,), "rnn.bias_hh_l0": (H,),
            "fc.weight": (V, H), "fc.bias": (V,),
        }  # fmt: skip
        own = np.array(lengths, np.int64)
        x = normal(rng, (N, T, D)).astype(np.float32)
        other = np.where((np.arange(T) < own[:, None])[..., None], x, np.float32(5.0))
        return {
            "input_size": D, "hidden_size": H, "output_size": V,
            "weights": {name: normal(rng, shape).astype(np.float32) for name, shape in shapes.items()},
            "x": x, "lengths": own, "x_other": other, "x_turned": x[::-1].copy(), "lengths_turned": own[::-1].copy(),
        }  # fmt: skip

    return draw


def _asked_for_gradients(scale: float, *lengths: int) -> Any:
    """A padded batch whose second timestep is `scale` times as large: 400 drives most units to 1 or -1."""
    plain = _batch(*lengths)

    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        drawn = plain(rng, sizes)
        drawn["x"][:, 1] *= np.float32(scale)
        return {**drawn, "bias_name": "rnn.bias_ih_l0", "grad": "grad"}

    return draw


def _names(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    return {f"{name}_l0": f"{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


# ---------------------------------------------------------------- questions

LAST_REAL = "Change what stands in the padding: y_padded moves. Which t is the last real one of each sample?"
TRAINED = (
    "The answers are added up, and their gradient is asked at a bias of the nn.RNN. Does all of the way from the weights "
    "to the output keep its gradient?"
)
DRIVEN = f"{TRAINED} Here a token drives the units to 1 or -1: what is the slope of your tanh there?"
TENSORS = "load_state_dict takes tensors. Of which type are the values of your dict?"
# Whether the values are tensors only their methods show: by the time a judge sees them they are arrays.
ASK_TENSORS = (
    "state = rnn_to_torch(W_xh, W_hh, b)",
    *(
        call
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for call in (f"{name} = state.get({name}_l0)", f"{name}_numbers = {name}.numel()")
    ),
)
FINAL_STATE = "torch's final state has the shape (layers, N, H), batch_first or not. Which index picks the layer?"

QUESTIONS = (
    Question(
        "SimpleRNN", number="F1", module="simple_rnn", points=3, minutes=15, torch=True, seconds=20.0,
        calls=(*BUILD, WHOLE, PADDED),
        inputs={"weights": "tensor", "x": "tensor N T D", "lengths": "tensor int N", "x_other": "tensor N T D",
                "x_turned": "tensor N T D", "lengths_turned": "tensor int N"},
        outputs={"y": "N V", "y_padded": "N V"}, oracle=_network(_each_alone),
        cases=(
            Case("small", N=3, T=8, D=4, H=5, V=6, draw=_batch(8, 8, 8), calls=(*BUILD, WHOLE)),
            Case("padded", N=3, T=8, D=4, H=5, V=6, draw=_batch(5, 8, 2), calls=(*BUILD, PADDED)),
            Case("wide", N=4, T=7, D=3, H=9, V=2, draw=_batch(7, 7, 7, 7), calls=(*BUILD, WHOLE), hidden=True),
            Case("wide and padded", N=4, T=7, D=3, H=9, V=2, draw=_batch(3, 7, 1, 6), calls=(*BUILD, PADDED),
                 hidden=True),
            Case("padding changed", N=3, T=8, D=4, H=5, V=6, draw=_batch(4, 7, 2), costs=0.5,
                 calls=(*BUILD, PADDED, "y_padded_other = model.forward(x_other, lengths)"),
                 hint="Only padding was changed; no answer should have moved."),
            Case("all short", N=3, T=9, D=2, H=6, V=4, draw=_batch(5, 3, 7), calls=(*BUILD, PADDED), costs=0.5,
                 hidden=True, hint="No sample is as long as the array: which t is the last real one?"),
            Case("batch turned round", N=3, T=8, D=4, H=5, V=6, draw=_batch(6, 8, 3), costs=0.25, hidden=True,
                 calls=(*BUILD, WHOLE, "y_turned = model.forward(x_turned)", PADDED,
                        "y_padded_turned = model.forward(x_turned, lengths_turned)"),
                 hint="Samples of a batch should not mix: turning the batch round should turn the answers round."),
            Case("called twice", N=3, T=8, D=4, H=5, V=6, draw=_batch(8, 4, 6), costs=0.25,
                 calls=(*BUILD, WHOLE, "y_again = model.forward(x)",
                        PADDED, "y_padded_again = model.forward(x, lengths)"),
                 hint="A second call with the same tensors gives another answer: what is kept between calls?"),
            Case("gradients", N=3, T=8, D=4, H=5, V=6, draw=_asked_for_gradients(1.0, 8, 5, 3), calls=GRADIENTS,
                 costs=0.375, hint=TRAINED),
            Case("gradients of driven states", N=2, T=6, D=4, H=5, V=3, draw=_asked_for_gradients(400.0, 6, 4),
                 calls=GRADIENTS, costs=0.125, hint=DRIVEN),
            Case("gradients of states driven again", N=4, T=7, D=3, H=6, V=2,
                 draw=_asked_for_gradients(900.0, 3, 7, 4, 6), calls=GRADIENTS, costs=0.125, hidden=True, hint=DRIVEN),
            Case("one sample", N=1, T=6, D=4, H=5, V=3, draw=_batch(4), waive=("N = 1",), costs=0.25,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one sample of one step", N=1, T=1, D=4, H=5, V=3, draw=_batch(1), waive=("N = 1", "T = 1"),
                 costs=0.25, hidden=True,
                 hint="It fails for a batch of one with one token: is an axis squeezed away?"),
        ),
        mistakes=(
            Mistake("PT1", LAST_REAL, _network(_with_lengths(lambda states, lengths: states[:, -1]))),
            Mistake("PT2", "Turn the batch round: your answers do not turn with it. Which axis does your nn.RNN take "
                    "for time?", _network(_plainly, batch_first=False)),
            Mistake("PT3", "view and reshape never swap axes; they cut the same memory anew and mix samples. What "
                    "swaps axes?", _network(_time_first, batch_first=False)),
            Mistake("PT4", FINAL_STATE, _network(lambda model, x, lengths: model.fc(model.rnn(x)[1][:, 0]))),
            Mistake("PT4b", FINAL_STATE, _network(lambda model, x, lengths: model.fc(model.rnn(x)[1]))),
            Mistake("PT5", "Your answer rests on the state after the first token. Which one has read them all?",
                    _network(lambda model, x, lengths: model.fc(model.rnn(x)[0][:, 0]))),
            Mistake("PT12", "Each row of y sums to 1. The loss applies the softmax; what should come out of the "
                    "network?",
                    _network(lambda model, x, lengths: _plainly(model, x, lengths).softmax(-1))),
            Mistake("PT17", "A sample of length 1 has its last real step at t = 0. Which t do you take?",
                    _network(_with_lengths(_at_index_of_length))),
            Mistake("PT17b", "A sample of length 1 has its last real step at t = 0. Which t do you take?",
                    _network(_with_lengths(_at_index_of_length_or_last))),
            Mistake("PT18", "You pick the last steps of all samples for every sample. What pairs sample n with its own "
                    "length?", _network(_with_lengths(lambda states, lengths: states[:, lengths - 1]))),
            Mistake("PT19", "You cut the batch at its longest sample. What do the shorter ones end with?",
                    _network(_with_lengths(lambda states, lengths: states[:, lengths.max() - 1]))),
            Mistake("PT20", "All samples are read at the same t, the first one's last. Where is the length of the "
                    "others used?", _network(_with_lengths(lambda states, lengths: states[:, lengths[0] - 1]))),
            Mistake("PT21", "You average the states over time. Which single state does the output rest on?",
                    _network(_mean)),
            Mistake("PT22", "Your answers are right but stand in the order of the lengths. What undoes the sorting?",
                    _network(_with_lengths(_sorted_and_left_so))),
            Mistake("PT23", "The lesson's cell squashes with tanh. Which nonlinearity does your nn.RNN have?",
                    _network(_plainly, nonlinearity="relu")),
            Mistake("PT24", "A second call gives another answer. With which state should each sequence begin?",
                    _network(_state_kept)),
            Mistake("PT25", "y has H columns. Which layer leads from the hidden state to the outputs?",
                    _network(lambda model, x, lengths: _last(model.rnn(x)[0], lengths))),
            Mistake("PT26", "You answer at every timestep. From which one should the answer come?",
                    _network(lambda model, x, lengths: model.fc(model.rnn(x)[0]))),
            Mistake("PT27", "A zero in the padding is a token like any other: the state moves on. At which t should a "
                    "short sample be read?", _network(_zeroed_padding)),
            Mistake("PT28", "For a batch of one the batch axis is gone. What removes axes of length 1?",
                    _network(lambda model, x, lengths: _plainly(model, x, lengths).squeeze())),
            Mistake("PT29", "Your scores all lie in (-1, 1). Does a tanh stand between the state and the output?",
                    _network(lambda model, x, lengths: _plainly(model, x, lengths).tanh())),
            Mistake("PT30", "No state below 0 reaches your fc. Does anything stand between the state and the output?",
                    _network(lambda model, x, lengths: model.fc(_last(model.rnn(x)[0], lengths).relu()))),
        ),
    ),
    Question(
        "rnn_to_torch", number="F2", module="simple_rnn", points=1, minutes=5, torch=True, seconds=20.0,
        calls=("state = rnn_to_torch(W_xh, W_hh, b)",),
        inputs={"W_xh": "H D", "W_hh": "H H", "b": "H"}, outputs={"state": "any"}, oracle=_state(),
        verdict="loads_into_torch",
        cases=(
            Case("small", D=4, H=5),
            Case("wide", D=7, H=3, hidden=True),
            Case("tensors", D=3, H=4, draw=_names, calls=ASK_TENSORS, costs=0.5, hint=TENSORS),
            Case("tensors again", D=5, H=2, draw=_names, calls=ASK_TENSORS, costs=0.5, hidden=True, hint=TENSORS),
            Case("one unit", D=2, H=1, waive=("H = 1",), costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("O01", "torch stores (out, in), as this course does. Is there anything to transpose?",
                    _state(weight_ih=lambda W_xh, W_hh, b: W_xh.T, weight_hh=lambda W_xh, W_hh, b: W_hh.T)),
            Mistake("O01b", "Try W_hh = [[0, 1], [0, 0]]: which unit feeds which here, and which in torch's cell?",
                    _state(weight_hh=lambda W_xh, W_hh, b: W_hh.T)),
            Mistake("O02", "torch has two biases and adds both. What do yours add up to?",
                    _state(bias_hh=lambda W_xh, W_hh, b: b)),
            Mistake("O03", "torch looks for four names. Which bias is missing?", _state(leave_out="bias_hh")),
            Mistake("O04", "torch numbers its layers in the names of the weights. How is the first layer called?",
                    _state(key="{}")),
            Mistake("O05", "The dict is for an nn.RNN by itself. Whose names begin with rnn?", _state(key="rnn.{}_l0")),
            Mistake("O06", "Which of the two weights acts on x_t?",
                    _state(weight_ih=lambda W_xh, W_hh, b: W_hh, weight_hh=lambda W_xh, W_hh, b: W_xh)),
            Mistake("O07", "Both of your biases are zero. Where has b gone?",
                    _state(bias_ih=lambda W_xh, W_hh, b: np.zeros_like(b))),
            Mistake("O09", TENSORS, _state(made=np.array)),
            Mistake("O08", "How many axes has a bias of torch's?", _state(bias_ih=lambda W_xh, W_hh, b: b[None])),
        ),
    ),
)  # fmt: skip
