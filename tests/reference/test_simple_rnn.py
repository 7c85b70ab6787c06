import numpy as np
import pytest
import torch
from memnet.rnn import rnn_forward
from memnet.simple_rnn import SimpleRNN, rnn_to_torch
from torch import nn


@pytest.fixture
def model(size):
    torch.manual_seed(23)
    return SimpleRNN(size[2], size[3], 6).double()


def test_it_has_the_lessons_layers(model, size):
    _, _, D, H = size
    assert isinstance(model.rnn, nn.RNN)
    assert model.rnn.batch_first
    assert (model.rnn.input_size, model.rnn.hidden_size, model.rnn.num_layers) == (D, H, 1)
    assert isinstance(model.fc, nn.Linear)
    assert (model.fc.in_features, model.fc.out_features) == (H, 6)


def test_without_lengths_the_last_timestep_is_read(model, size, draw):
    x = torch.tensor(draw(*size[:3]).copy())
    states, _ = model.rnn(x)
    assert torch.equal(model(x), model.fc(states[:, -1]))


def test_with_lengths_each_sample_is_as_if_alone(model, size, draw):
    N, T, _, _ = size
    x = torch.tensor(draw(*size[:3]).copy())
    lengths = torch.tensor(np.round(np.linspace(T, 1, N)).astype(np.int64))
    alone = torch.cat([model(x[n : n + 1, :length]) for n, length in enumerate(lengths)])
    x[torch.arange(T) >= lengths[:, None]] = torch.nan
    output = model(x, lengths)
    assert output.shape == (N, 6)
    torch.testing.assert_close(output, alone, rtol=1e-12, atol=1e-14)


def test_rnn_to_torch_gives_the_same_states(size, draw, agree):
    N, T, D, H = size
    x, h0, W_xh, W_hh, b = draw(N, T, D), draw(N, H), draw(H, D), draw(H, H), draw(H)
    net = nn.RNN(D, H, batch_first=True).double()
    net.load_state_dict(rnn_to_torch(W_xh, W_hh, b))
    states, _ = net(torch.tensor(x.copy()), torch.tensor(h0.copy())[None])
    agree(rnn_forward(x, h0, W_xh, W_hh, b), states)


@pytest.mark.parametrize(("given", "expected"), [(np.float64, torch.float64), (np.float32, torch.float32)])
def test_rnn_to_torch_keeps_the_dtype_and_shares_no_memory(draw, given, expected):
    weights = [draw(5, 4).astype(given), draw(5, 5).astype(given), draw(5).astype(given)]
    state = rnn_to_torch(*weights)
    assert set(state) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    assert {tensor.dtype for tensor in state.values()} == {expected}
    assert not any(np.shares_memory(tensor.numpy(), array) for tensor in state.values() for array in weights)
