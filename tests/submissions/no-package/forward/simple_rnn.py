import torch
from torch import nn


class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        states, _ = self.rnn(x)
        if lengths is None:
            return self.fc(states[:, -1])
        return self.fc(states[torch.arange(len(x)), lengths - 1])


def rnn_to_torch(W_xh, W_hh, b):
    return {
        "weight_ih_l0": torch.tensor(W_xh),
        "weight_hh_l0": torch.tensor(W_hh),
        "bias_ih_l0": torch.tensor(b),
        "bias_hh_l0": torch.zeros_like(torch.tensor(b)),
    }
