import torch
import torch.nn as nn


class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        out, hidden = self.rnn(x)
        if lengths is None:
            return self.fc(out[:, -1, :])
        index = (lengths - 1).view(-1, 1, 1).expand(-1, 1, out.size(2))
        return self.fc(out.gather(1, index)[:, 0, :])


def rnn_to_torch(W_xh, W_hh, b):
    state = {}
    state["weight_ih_l0"] = torch.tensor(W_xh)
    state["weight_hh_l0"] = torch.tensor(W_hh)
    state["bias_ih_l0"] = torch.tensor(b)
    state["bias_hh_l0"] = torch.zeros(len(b), dtype=state["bias_ih_l0"].dtype)
    return state
