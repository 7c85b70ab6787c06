import numpy as np
import torch
from torch import nn


class SimpleRNN(nn.Module):
    """Picks the last real state with a mask that is 1 there and 0 everywhere else."""

    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        N, T, _ = x.shape
        if lengths is None:
            lengths = torch.full((N,), T)
        states = self.rnn(x, torch.zeros(1, N, self.hidden_size, dtype=x.dtype))[0]
        last = torch.arange(T)[None, :] == lengths[:, None] - 1
        return self.fc(states.masked_fill(~last[:, :, None], 0).sum(dim=1))


def rnn_to_torch(W_xh, W_hh, b):
    arrays = {"weight_ih_l0": W_xh, "weight_hh_l0": W_hh, "bias_ih_l0": np.zeros(b.shape), "bias_hh_l0": b}
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
