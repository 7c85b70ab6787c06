import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        if lengths is not None:
            x = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, final = self.rnn(x)
        return self.fc(final[-1])


def rnn_to_torch(W_xh, W_hh, b):
    half = torch.as_tensor(b).clone() / 2
    return {
        "weight_ih_l0": torch.as_tensor(W_xh).clone(),
        "weight_hh_l0": torch.as_tensor(W_hh).clone(),
        "bias_ih_l0": half,
        "bias_hh_l0": half.clone(),
    }
