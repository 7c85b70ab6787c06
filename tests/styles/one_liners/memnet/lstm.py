import numpy as np

_s = lambda a: 0.5 + 0.5 * np.tanh(a / 2)
_cell = lambda p, c: (lambda i, f, g, o: (lambda n: (o * np.tanh(n), n, np.hstack([i, f, g, o])))(f * c + i * g))(*[k(v) for k, v in zip((_s, _s, np.tanh, _s), np.split(p, 4, 1))])
lstm_step = lambda x_t, h_prev, c_prev, W_xh, W_hh, b: _cell(x_t @ W_xh.T + h_prev @ W_hh.T + b, c_prev)
lstm_forward = lambda x, h0, c0, W_xh, W_hh, b: (lambda s: ([s.append(lstm_step(x[:, t], *s[-1][:2], W_xh, W_hh, b)) for t in range(x.shape[1])], [np.stack([v[k] for v in s[1:]], 1) for k in range(3)])[1])([(h0, c0)])
_da = lambda dh, dc, c0, c1, gates: (lambda i, f, g, o, y: (lambda d: (np.hstack([d * g * i * (1 - i), d * c0 * f * (1 - f), d * i * (1 - g * g), dh * y * o * (1 - o)]), d * f))(dc + dh * o * (1 - y * y)))(*np.hsplit(gates, 4), np.tanh(c1))
lstm_step_backward = lambda dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh: (lambda da, dc: (da @ W_xh, da @ W_hh, dc, da.T @ x_t, da.T @ h_prev, da.sum(0)))(*_da(dh_t, dc_t, c_prev, c_t, gates))
lstm_backward = lambda dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh: (lambda s: (np.stack([v[0] for v in s[::-1]], 1), s[-1][1], s[-1][2], *(sum(v[k] for v in s) for k in (3, 4, 5))))((r := [(0, 0 * h0, dc_last)]) and [r.append(lstm_step_backward(dh[:, t] + r[-1][1], r[-1][2], x[:, t], h[:, t - 1] if t else h0, c[:, t - 1] if t else c0, c[:, t], gates[:, t], W_xh, W_hh)) or r[-1] for t in range(x.shape[1])[::-1]])
pack_lstm_weights = lambda W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o: (lambda W, H: (W[:, H:], W[:, :H], np.hstack([b_i, b_f, b_C, b_o])))(np.vstack([W_i, W_f, W_C, W_o]), len(b_f))
