#: SimpleRNN last column whatever the lengths | y_padded | PT1
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1])
#: SimpleRNN batch axis second | y y_padded | PT2
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        out, _ = self.rnn(x)
        last = out[:, -1] if lengths is None else out[torch.arange(len(x)), lengths - 1]
        return self.fc(last)
#: SimpleRNN softmax at the end | y y_padded | PT12
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        out, _ = self.rnn(x)
        last = out[:, -1] if lengths is None else out[torch.arange(len(x)), lengths - 1]
        return torch.softmax(self.fc(last), dim=-1)
#: SimpleRNN scores of every step | y y_padded | PT26
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        return self.fc(self.rnn(x)[0])
#: SimpleRNN index of the length itself | y_padded | PT17b
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        out, _ = self.rnn(x)
        if lengths is None:
            return self.fc(out[:, -1])
        return self.fc(out[torch.arange(len(x)), torch.clamp(lengths, max=x.shape[1] - 1)])
#: SimpleRNN mean over time | y y_padded | PT21
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, lengths=None):
        out, _ = self.rnn(x)
        return self.fc(out.mean(dim=1))
#: rnn_to_torch both biases | state | -
def rnn_to_torch(W_xh, W_hh, b):
    t = torch.from_numpy
    return {"weight_ih_l0": t(W_xh), "weight_hh_l0": t(W_hh), "bias_ih_l0": t(b), "bias_hh_l0": t(b)}
#: rnn_to_torch transposed | state | -
def rnn_to_torch(W_xh, W_hh, b):
    t = torch.from_numpy
    return {"weight_ih_l0": t(W_xh.T), "weight_hh_l0": t(W_hh.T), "bias_ih_l0": t(b), "bias_hh_l0": t(0 * b)}
#: rnn_to_torch one bias missing | state | -
def rnn_to_torch(W_xh, W_hh, b):
    t = torch.from_numpy
    return {"weight_ih_l0": t(W_xh), "weight_hh_l0": t(W_hh), "bias_ih_l0": t(b)}
#: rnn_to_torch names of a cell | state | -
def rnn_to_torch(W_xh, W_hh, b):
    t = torch.from_numpy
    return {"weight_ih": t(W_xh), "weight_hh": t(W_hh), "bias_ih": t(b), "bias_hh": t(0 * b)}
#: SimpleRNN relu before fc | y y_padded | PT30
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
    def forward(self, x, lengths=None):
        out, _ = self.rnn(x)
        last = out[:, -1] if lengths is None else out[torch.arange(len(x)), lengths - 1]
        return self.fc(torch.relu(last))
#: SimpleRNN without gradients | y y_padded | -
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
    def forward(self, x, lengths=None):
        with torch.no_grad():
            out, _ = self.rnn(x)
        last = out[:, -1] if lengths is None else out[torch.arange(len(x)), lengths - 1]
        return self.fc(last)
#: SimpleRNN own tanh whose gradient is nan | y y_padded | -
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
    def forward(self, x, lengths=None):
        r = self.rnn
        h = torch.zeros(len(x), r.hidden_size, dtype=x.dtype)
        hs = []
        for t in range(x.shape[1]):
            z = x[:, t] @ r.weight_ih_l0.T + r.bias_ih_l0 + h @ r.weight_hh_l0.T + r.bias_hh_l0
            h = torch.where(z > 0, 1 - 2 / (torch.exp(2 * z) + 1), 2 / (torch.exp(-2 * z) + 1) - 1)
            hs.append(h)
        out = torch.stack(hs, 1)
        last = out[:, -1] if lengths is None else out[torch.arange(len(x)), lengths - 1]
        return self.fc(last)
