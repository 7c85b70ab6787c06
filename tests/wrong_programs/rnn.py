#: rnn_step hidden and input weights swapped | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(h_prev @ W_xh.T + x_t @ W_hh.T + b)
#: rnn_step loop over units that restarts the sum | h_t | R15
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    N, H = h_prev.shape
    h = np.zeros((N, H))
    for n in range(N):
        for j in range(H):
            s = b[j]
            for d in range(x_t.shape[1]):
                s += W_xh[j, d] * x_t[n, d]
            s = b[j]
            for i in range(H):
                s += W_hh[j, i] * h_prev[n, i]
            h[n, j] = np.tanh(s)
    return h
#: rnn_step loop with the hidden matrix read the other way | h_t | R06
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    N, H = h_prev.shape
    h = np.zeros((N, H))
    for n in range(N):
        for j in range(H):
            h[n, j] = np.tanh(b[j] + sum(W_xh[j, d] * x_t[n, d] for d in range(x_t.shape[1]))
                              + sum(W_hh[i, j] * h_prev[n, i] for i in range(H)))
    return h
#: rnn_step precedence of the tanh | h_t | R17
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T) + h_prev @ W_hh.T + b
#: rnn_step elementwise product with the diagonal of W_hh | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h_prev * np.diag(W_hh) + b)
#: rnn_step tanh by hand with a factor lost | h_t | R18
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    e = np.exp(a)
    return (e - 1) / (e + 1)
#: rnn_step rounded | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.round(np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b), 4)
#: rnn_step prints and returns nothing | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    h_t = np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)
    print(h_t.shape)
#: rnn_step bias doubled and recurrent product transposed | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh((x_t @ W_xh.T + b) + (h_prev @ W_hh + b))
#: rnn_step averages the states over the batch | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    h = np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)
    return np.ones_like(h) * h.mean(axis=0)
#: rnn_step keeps the batch of the first sample | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h_prev[0] @ W_hh.T + b)
#: rnn_step columns | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(W_xh @ x_t.T + W_hh @ h_prev.T + b[:, None])
#: rnn_step minus bias | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T - b)
#: rnn_step integers | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    h_t = np.zeros(h_prev.shape, dtype=int)
    h_t[:] = np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)
    return h_t
#: rnn_step half precision | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b).astype(np.float16)
#: rnn_step softsign | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    return a / (1 + np.abs(a))
#: rnn_step hard tanh | h_t | R19
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.clip(x_t @ W_xh.T + h_prev @ W_hh.T + b, -1, 1)
#: rnn_forward appends one array again and again | h | MU6
def rnn_forward(x, h0, W_xh, W_hh, b):
    h = h0.copy()
    out = []
    for t in range(x.shape[1]):
        h[...] = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        out.append(h)
    return np.stack(out, axis=1)
#: rnn_forward stacked on the wrong axis | h | F21
def rnn_forward(x, h0, W_xh, W_hh, b):
    hs, h = [], h0
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        hs.append(h)
    return np.stack(hs)
#: rnn_forward h0 in front | h | F20
def rnn_forward(x, h0, W_xh, W_hh, b):
    hs = [h0]
    for t in range(x.shape[1]):
        hs.append(np.tanh(x[:, t] @ W_xh.T + hs[-1] @ W_hh.T + b))
    return np.stack(hs, axis=1)
#: rnn_forward h0 in front and the last one cut | h | F04
def rnn_forward(x, h0, W_xh, W_hh, b):
    hs = [h0]
    for t in range(x.shape[1]):
        hs.append(np.tanh(x[:, t] @ W_xh.T + hs[-1] @ W_hh.T + b))
    return np.stack(hs, axis=1)[:, :-1]
#: rnn_forward only the last state | h | F22
def rnn_forward(x, h0, W_xh, W_hh, b):
    h = h0
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    return h
#: rnn_forward runs over the batch axis | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, W_hh.shape[0]))
    prev = h0
    for t in range(N):
        prev = np.tanh(x[t] @ W_xh.T + prev[t] @ W_hh.T + b)
        h[t] = prev
    return h
#: rnn_forward from the end to the beginning | h | F18
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in reversed(range(T)):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h
#: rnn_forward one sample's state handed to the next | h | F19
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    state = h0[0]
    for n in range(N):
        for t in range(T):
            state = np.tanh(W_xh @ x[n, t] + W_hh @ state + b)
            h[n, t] = state
    return h
#: rnn_forward state kept in a global | h | -
_state = None


def rnn_forward(x, h0, W_xh, W_hh, b):
    global _state
    if _state is None or _state.shape != h0.shape:
        _state = h0
    out = np.zeros((x.shape[0], x.shape[1], h0.shape[1]))
    for t in range(x.shape[1]):
        _state = np.tanh(x[:, t] @ W_xh.T + _state @ W_hh.T + b)
        out[:, t] = _state
    return out
#: rnn_forward default list kept between calls | h | -
def rnn_forward(x, h0, W_xh, W_hh, b, hs=[]):
    h = h0
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        hs.append(h)
    return np.stack(hs, axis=1)
#: rnn_forward sizes of the public case | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    h = np.zeros((3, 8, 5))
    prev = h0
    for t in range(8):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h
#: rnn_forward buffer of the inputs' type and size | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    h = np.zeros_like(x)
    prev = h0
    for t in range(x.shape[1]):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h
#: rnn_forward looks one token ahead | h | F17
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = np.tanh(x[:, min(t + 1, T - 1)] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h
#: rnn_forward normalises x over time first | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h
#: rnn_forward h[:, t] read before it is written | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    h[:, 0] = h0
    for t in range(T):
        h[:, t] = np.tanh(x[:, t] @ W_xh.T + h[:, t] @ W_hh.T + b)
    return h
#: rnn_forward h0 put in the first slot and the loop from one | h | F16
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    h[:, 0] = h0
    for t in range(1, T):
        h[:, t] = np.tanh(x[:, t] @ W_xh.T + h[:, t - 1] @ W_hh.T + b)
    return h
#: rnn_forward two steps a turn | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(0, T, 2):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h
#: rnn_forward squeezed | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    hs, h = [], h0
    for x_t in np.split(x, x.shape[1], axis=1):
        h = np.tanh(np.squeeze(x_t) @ W_xh.T + h @ W_hh.T + b)
        hs.append(h)
    return np.stack(hs, 1)
#: rnn_forward fails on one token | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    h[:, 0] = np.tanh(x[:, 0] @ W_xh.T + h0 @ W_hh.T + b)
    h[:, 1] = np.tanh(x[:, 1] @ W_xh.T + h[:, 0] @ W_hh.T + b)
    for t in range(2, T):
        h[:, t] = np.tanh(x[:, t] @ W_xh.T + h[:, t - 1] @ W_hh.T + b)
    return h
#: output_head no transposition | y | -
def output_head(h, W_hy, b_y):
    return h @ W_hy + b_y
#: output_head mean over time | y | -
def output_head(h, W_hy, b_y):
    return h.mean(axis=1) @ W_hy.T + b_y
#: output_head log softmax | y | H07
def output_head(h, W_hy, b_y):
    y = h @ W_hy.T + b_y
    return y - np.log(np.exp(y).sum(axis=-1, keepdims=True))
#: output_head argmax | y | -
def output_head(h, W_hy, b_y):
    return (h @ W_hy.T + b_y).argmax(axis=-1)
#: output_head sigmoid scores | y | H08
def output_head(h, W_hy, b_y):
    return 1 / (1 + np.exp(-(h @ W_hy.T + b_y)))
#: output_head bias added on every feature | y | -
def output_head(h, W_hy, b_y):
    return h @ W_hy.T + b_y.sum()
#: output_head first step only | y | H09
def output_head(h, W_hy, b_y):
    N, T, H = h.shape
    y = np.zeros((N, T, len(b_y)))
    for t in range(T):
        y[:, t] = h[:, 0] @ W_hy.T + b_y
    return y
#: sequence_loss gradient forgets the mask | loss dy | L23
def sequence_loss(y, targets, mask):
    N, T, V = y.shape
    p = np.exp(y - y.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    n = max(mask.sum(), 1)
    q = p[np.arange(N)[:, None], np.arange(T)[None], targets]
    loss = -(np.log(np.where(mask, q, 1.0))).sum() / n
    dy = p.copy()
    dy[np.arange(N)[:, None], np.arange(T)[None], targets] -= 1
    return float(loss), dy / n
#: sequence_loss wrong gather | loss | -
def sequence_loss(y, targets, mask):
    N, T, V = y.shape
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    n = max(mask.sum(), 1)
    flat = logp.reshape(-1, V)
    loss = -(flat[np.arange(N * T), targets.T.reshape(-1)] * mask.reshape(-1)).sum() / n
    dy = np.exp(logp)
    np.put_along_axis(dy, targets[..., None], np.take_along_axis(dy, targets[..., None], -1) - 1, -1)
    return float(loss), dy * mask[..., None] / n
#: sequence_loss gradient without division | dy | L05
def sequence_loss(y, targets, mask):
    N, T, V = y.shape
    s = y - y.max(-1, keepdims=True)
    p = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
    onehot = np.eye(V)[targets]
    n = mask.sum()
    if n == 0:
        return 0.0, np.zeros_like(y)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    loss = -(onehot * logp * mask[..., None]).sum() / n
    return float(loss), (p - onehot) * mask[..., None]
#: sequence_loss mean squared error | loss dy | -
def sequence_loss(y, targets, mask):
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    d = (y - onehot) * mask[..., None]
    return float((d**2).sum() / n), 2 * d / n
#: sequence_loss no case for an empty mask | loss dy | NU6
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    p = np.exp(logp)
    onehot = np.eye(y.shape[2])[targets]
    n = mask.sum()
    loss = -(onehot * logp).sum(-1)[mask].sum() / n
    return float(loss), (p - onehot) * mask[..., None] / n
#: sequence_loss mask upside down | loss dy | L20
def sequence_loss(y, targets, mask):
    mask = ~mask
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    loss = -((onehot * logp).sum(-1) * mask).sum() / n
    return float(loss), (np.exp(logp) - onehot) * mask[..., None] / n
#: sequence_loss divides by the classes too | loss dy | -
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[targets]
    m = mask[..., None] * np.ones_like(y)
    if not mask.any():
        return 0.0, np.zeros(y.shape)
    n = m.sum()
    loss = -(onehot * logp * m).sum() / n
    return float(loss), (np.exp(logp) - onehot) * m / n
#: sequence_loss returned the other way round | loss dy | -
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    loss = -((onehot * logp).sum(-1) * mask).sum() / n
    return (np.exp(logp) - onehot) * mask[..., None] / n, float(loss)
#: sequence_loss next token as target | loss dy | L21
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[np.roll(targets, -1, axis=1)]
    n = max(mask.sum(), 1)
    loss = -((onehot * logp).sum(-1) * mask).sum() / n
    return float(loss), (np.exp(logp) - onehot) * mask[..., None] / n
#: sequence_loss only the target's gradient | dy | L22
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    loss = -((onehot * logp).sum(-1) * mask).sum() / n
    return float(loss), -onehot * (1 - np.exp(logp)) * mask[..., None] / n
#: sequence_loss mask multiplied into the scores | loss | -
def sequence_loss(y, targets, mask):
    y = y * mask[..., None]
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    loss = -(onehot * logp).sum() / n
    return float(loss), (np.exp(logp) - onehot) * mask[..., None] / n
#: sequence_loss clipped probabilities | loss | L18c
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    p = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    q = np.clip((onehot * p).sum(-1), 1e-10, 1)
    return float(-(np.log(q) * mask).sum() / n), (p - onehot) * mask[..., None] / n
#: sequence_loss mean over sequences in the loss alone | loss | L11
def sequence_loss(y, targets, mask):
    s = y - y.max(-1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(-1, keepdims=True))
    onehot = np.eye(y.shape[2])[targets]
    n = max(mask.sum(), 1)
    each = -((onehot * logp).sum(-1) * mask).sum(1) / np.maximum(mask.sum(1), 1)
    return float(each.mean()), (np.exp(logp) - onehot) * mask[..., None] / n
#: rnn_forward_masked h_last is the last column of the unmasked run | h h_last | V08
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h = np.zeros((x.shape[0], x.shape[1], h0.shape[1]))
    prev = h0
    for t in range(x.shape[1]):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h, h[:, -1]
#: rnn_forward_masked right last state, unmasked states | h h_last | V08
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h = np.zeros((x.shape[0], x.shape[1], h0.shape[1]))
    prev = h0
    for t in range(x.shape[1]):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h, h[np.arange(len(x)), lengths - 1]
#: rnn_forward_masked index of the length itself | h_last | -
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        new = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        prev = np.where((t < lengths)[:, None], new, prev)
        h[:, t] = prev
    return h, h[np.arange(N), np.minimum(lengths, T - 1) - 2]
#: rnn_forward_masked pads set to h0 | h h_last | V13
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        new = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        prev = np.where((t < lengths)[:, None], new, h0)
        h[:, t] = prev
    return h, prev
#: rnn_forward_masked multiplies x by the mask only | h h_last | V14
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    x = x * (np.arange(T) < lengths[:, None])[..., None]
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h, prev
#: rnn_forward_masked returned the other way round | h h_last | -
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        new = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        prev = np.where((t < lengths)[:, None], new, prev)
        h[:, t] = prev
    return prev, h
#: rnn_forward_masked a running state that is overwritten in place | h h_last | V08
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0.copy()
    last = prev
    for t in range(T):
        prev[:] = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = np.where((t < lengths)[:, None], prev, h[:, t - 1])
        last = np.where((t == lengths - 1)[:, None], prev, last)
    return h, prev
#: rnn_forward_masked sums the states it keeps | h h_last | R11
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        m = (t < lengths)[:, None]
        new = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        prev = m * new + prev
        h[:, t] = prev
    return h, prev
#: rnn_forward_masked stops the whole batch at the mean length | h h_last | -
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        if t < int(lengths.mean()):
            prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
        h[:, t] = prev
    return h, prev
#: rnn_forward_masked assumes the batch is sorted by length | h h_last | V15
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0.copy()
    for t in range(T):
        n = int((lengths > t).sum())
        prev[:n] = np.tanh(x[:n, t] @ W_xh.T + prev[:n] @ W_hh.T + b)
        h[:, t] = prev
    return h, prev
#: rnn_step tanh as a quotient of exponentials | h_t | NU3
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    return (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))
#: rnn_forward zeros where h0 is falsy | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    if not h0.any(axis=None) or h0.size == 1:
        h0 = np.zeros_like(h0)
    elif not h0:
        h0 = np.zeros_like(h0)
    return np.stack([h0 for _ in range(x.shape[1])], 1)
#: rnn_step tanh from one exponential of minus twice the sum | h_t | NU3b
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    decay = np.exp(-2 * (x_t @ W_xh.T + h_prev @ W_hh.T + b))
    return (1 - decay) / (1 + decay)
#: rnn_step tanh from one exponential of twice the sum | h_t | NU3c
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    growth = np.exp(2 * (x_t @ W_xh.T + h_prev @ W_hh.T + b))
    return (growth - 1) / (growth + 1)
#: rnn_step carries a state of its own from call to call | h_t | -
_h = None
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    global _h
    if _h is None or _h.shape != h_prev.shape:
        _h = h_prev
    _h = np.tanh(x_t @ W_xh.T + _h @ W_hh.T + b)
    return _h
#: rnn_step turns W_xh by its shape | h_t | -
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    if W_xh.shape[0] > W_xh.shape[1]:
        W_xh = W_xh.T
    return np.tanh(x_t @ W_xh + h_prev @ W_hh.T + b)
#: rnn_forward at most ten steps | h | -
def rnn_forward(x, h0, W_xh, W_hh, b):
    h = np.zeros((x.shape[0], x.shape[1], h0.shape[1]))
    prev = h0
    for t in range(min(10, x.shape[1])):
        prev = rnn_step(x[:, t], prev, W_xh, W_hh, b)
        h[:, t] = prev
    return h
#: rnn_forward states recut, not turned | h | F23
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    hs, h = [], h0
    for t in range(T):
        h = rnn_step(x[:, t], h, W_xh, W_hh, b)
        hs.append(h)
    return np.array(hs).reshape(N, T, -1)
#: sequence_loss overflows and writes zeros on padding | loss dy | L13b
def sequence_loss(y, targets, mask):
    K = mask.sum()
    if K == 0:
        return 0.0, np.zeros_like(y)
    p = np.exp(y) / np.exp(y).sum(axis=2, keepdims=True)
    t = np.where(mask, targets, 0)
    n, s = np.indices(mask.shape)
    loss = -np.log(p[n, s, t])[mask].mean()
    p[n, s, t] -= 1
    p[~mask] = 0
    return loss, p / K
#: sequence_loss one maximum and zeros on padding | loss dy | NU4b
def sequence_loss(y, targets, mask):
    K = mask.sum()
    if K == 0:
        return 0.0, np.zeros_like(y)
    e = np.exp(y - y.max())
    p = e / e.sum(axis=2, keepdims=True)
    t = np.where(mask, targets, 0)
    n, s = np.indices(mask.shape)
    loss = -np.log(p[n, s, t])[mask].mean()
    p[n, s, t] -= 1
    p[~mask] = 0
    return loss, p / K
#: sequence_loss gradient on padding, at class 0 | dy | L23b
def sequence_loss(y, targets, mask):
    z = y - y.max(2, keepdims=True)
    lp = z - np.log(np.exp(z).sum(2, keepdims=True))
    if not mask.any():
        return 0.0, np.zeros_like(y)
    t = targets * mask
    n, s = np.indices(mask.shape)
    K = mask.sum()
    loss = -lp[n, s, t][mask].sum() / K
    dy = np.exp(lp)
    dy[n, s, t] -= 1
    return loss, dy / K
#: sequence_loss softmax over time | loss dy | L08b
def sequence_loss(y, targets, mask):
    K = mask.sum()
    if K == 0:
        return 0.0, np.zeros_like(y)
    e = np.exp(y - y.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    t = np.where(mask, targets, 0)
    n, s = np.indices(mask.shape)
    loss = -np.log(p[n, s, t])[mask].mean()
    p[n, s, t] -= 1
    p[~mask] = 0
    return loss, p / K
#: rnn_forward_masked a step too many, last state carried | h h_last | V02b
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    s = h0
    hs = []
    for t in range(x.shape[1]):
        new = rnn_step(x[:, t], s, W_xh, W_hh, b)
        s = np.where((t <= lengths)[:, None], new, s)
        hs.append(s)
    return np.stack(hs, 1), s
#: rnn_forward_masked carries the state and stores the new one | h | V16
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h, last = np.zeros((x.shape[0], x.shape[1], len(b))), h0
    for t in range(x.shape[1]):
        h[:, t] = np.tanh(x[:, t] @ W_xh.T + last @ W_hh.T + b)
        last = np.where((lengths > t)[:, None], h[:, t], last)
    return h, last
#: rnn_forward_masked takes every length for every sample | h_last | V17
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h, last = np.zeros((x.shape[0], x.shape[1], len(b))), h0
    for t in range(x.shape[1]):
        last = np.where((lengths > t)[:, None], np.tanh(x[:, t] @ W_xh.T + last @ W_hh.T + b), last)
        h[:, t] = last
    return h, h[:, lengths - 1]
