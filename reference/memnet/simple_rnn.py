"""The lesson's network in torch, and the way from our weights to torch's. Imports numpy and torch.

Axes: N batch, T timesteps, D input features, H hidden units.
"""

import numpy as np
import torch
from torch import nn


class SimpleRNN(nn.Module):
    """Classify a sequence from the state of a recurrent network after its last real timestep.

    Layers, by these names, because known weights are loaded into them:
        rnn  an nn.RNN with batch_first=True
        fc   an nn.Linear from the hidden state to the outputs

    Equation, for one sample of length L:
        h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh), with zeros before the first timestep
        output = W_fc h[L-1] + b_fc

    Example:
        All weights and biases 0.5, x = 1: h = tanh(0.5 + 0.5 + 0 + 0.5) = tanh(1.5) = 0.9051, and the output
        is 0.5 * 0.9051 + 0.5 = 0.9526. The 9 after it is padding.

    >>> model = SimpleRNN(1, 1, 1)
    >>> for parameter in model.parameters():
    ...     _ = nn.init.constant_(parameter, 0.5)
    >>> round(model(torch.tensor([[[1.0], [9.0]]]), torch.tensor([1])).item(), 4)
    0.9526
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int) -> None:
        """Create the two layers.

        Inputs:
            input_size   int: D
            hidden_size  int: H
            output_size  int: how many numbers come out for a sequence

        Watch out:
            Without batch_first=True torch takes the first axis for time. It still runs, and mixes the
            samples.
        """
        # BEGIN SOLUTION
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
        # END SOLUTION

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Map a batch of sequences to one output a sequence.

        Inputs:
            x        (N, T, D) float: the inputs; x[n, t] is padding where t >= lengths[n]
            lengths  (N,) int64: how many timesteps of each sample are real, 1 to T; None: all T

        Returns:
            output   (N, output_size) float: made from the state after the last real timestep

        Watch out:
            With padding, the last position in the array is not the last real timestep. A squeeze would drop
            the batch axis where N = 1. The network will be trained: gradients must come back from the output to
            all weights, and stay finite where states are driven to 1 or -1.

        Hint:
            Each sample needs its own t. What does indexing with two integer arrays pick?
        """
        # BEGIN SOLUTION
        states, _ = self.rnn(x)  # (N, T, H)
        if lengths is None:
            last = states[:, -1]
        else:
            # The network reads on into the padding, but nothing that comes later can change an earlier state.
            last = states[torch.arange(len(x), device=x.device), lengths - 1]
        return self.fc(last)
        # END SOLUTION


def rnn_to_torch(W_xh: np.ndarray, W_hh: np.ndarray, b: np.ndarray) -> dict[str, torch.Tensor]:
    """Give the weights of our cell under the names that torch's nn.RNN loads them by.

    Inputs:
        W_xh   (H, D) float64: weights from input to state
        W_hh   (H, H) float64: weights from state to state
        b      (H,) float64: bias

    Returns:
        state  dict of tensors in the dtype of the inputs, for load_state_dict of a one-layer nn.RNN:
               weight_ih_l0 (H, D), weight_hh_l0 (H, H), bias_ih_l0 (H,), bias_hh_l0 (H,)

    Equation, for one sample:
        torch: h[t] = tanh(weight_ih_l0 x[t] + bias_ih_l0 + weight_hh_l0 h[t-1] + bias_hh_l0)
        ours:  h[t] = tanh(W_xh x[t] + W_hh h[t-1] + b)

    Example:
        The weights of rnn_forward's example, and its states 0.6640 and 0.4063.

    >>> state = rnn_to_torch(np.array([[0.25]]), np.array([[0.8]]), np.array([-0.1]))
    >>> rnn = nn.RNN(1, 1, batch_first=True).double()
    >>> rnn.load_state_dict(state)
    <All keys matched successfully>
    >>> x, h0 = torch.tensor([[[2.0], [0.0]]]).double(), torch.tensor([[[0.5]]]).double()
    >>> [round(h_t, 4) for h_t in rnn(x, h0)[0].flatten().tolist()]
    [0.664, 0.4063]

    Watch out:
        torch has two biases and adds both. A tensor may share its memory with the array it was made from:
        what would a change of the one do to the other?
    """
    # BEGIN SOLUTION
    return {
        "weight_ih_l0": torch.from_numpy(W_xh.copy()),
        "weight_hh_l0": torch.from_numpy(W_hh.copy()),
        "bias_ih_l0": torch.from_numpy(b.copy()),
        "bias_hh_l0": torch.from_numpy(np.zeros_like(b)),  # one of torch's two biases is enough
    }
    # END SOLUTION
