#: SimpleRNN a loop of its own with torch.tanh
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
    def forward(self, x, lengths=None):
        r = self.rnn
        h = x.new_zeros(len(x), r.hidden_size)
        for t in range(x.shape[1]):
            new = torch.tanh(nn.functional.linear(x[:, t], r.weight_ih_l0, r.bias_ih_l0) + nn.functional.linear(h, r.weight_hh_l0, r.bias_hh_l0))
            h = new if lengths is None else torch.where((t < lengths)[:, None], new, h)
        return self.fc(h)
#: SimpleRNN a packed sequence
class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
    def forward(self, x, lengths=None):
        if lengths is None:
            lengths = torch.full((x.size(0),), x.size(1))
        p = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, h = self.rnn(p)
        return self.fc(h[-1])
