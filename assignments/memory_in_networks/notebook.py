# %% [markdown]
# # Memory in Networks
#
# A photograph can be looked at all at once. A sentence, a heartbeat or a price cannot: what a piece of it means hangs on what
# came before. In this assignment you build networks that read one piece at a time and carry what they have read in a vector,
# the **hidden state**. You write them in numpy, forward and backward, so that nothing stays magic: neither how such a network
# remembers, nor why it forgets.
#
# **How it works.** Your code goes into the files of `memnet/`, not into this notebook. Every function is there already as a
# stub: what it takes, what it returns, its equation, an example with numbers, a hint. The notebook goes through them in an
# order that makes sense, checks them, and shows what they do.
#
# 1. Read the part here, then open the file beside this notebook and replace `raise NotImplementedError`.
# 2. **Save the file**, and run the check below the question. The check reads the file anew each time: no restart, no
#    re-import.
# 3. When it is right, run the cell after it and look.
#
# In cells of your own, import your functions inside a `with looking_at("rnn_step") as show:` block, as the cells here do. It
# takes them up as they are on disk; a plain import keeps the first version for as long as the kernel lives.
#
# Not in the mood to go in order? Every function is checked alone, with arrays that the check brings along. A wrong forward
# pass never costs you the backward pass.

# %% [markdown]
# {table}

# %%
import os
from pathlib import Path

# Before numpy comes in: products as small as these only wait for a second thread, and times jump.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if not Path("checks").is_dir():
    raise FileNotFoundError(
        f"there is no folder checks/ in {Path.cwd()}. Keep this notebook in the folder of the "
        "assignment, beside memnet/ and checks/, and open it from there.\n"
        "In Colab: upload the assignment's zip to the files at the left, run these two lines in a "
        "cell of their own, then this cell again:\n"
        "    !unzip -q -n /content/memory-in-networks-student.zip -d /content\n"
        "    %cd /content/memory-in-networks"
    )
import numpy as np
from checks import grader
from checks.grader import looking_at

# %% [markdown]
# The names are the same in every function. A batch has **N** sequences of **T** timesteps, each a vector of **D** numbers;
# the state has **H** units; there are **V** words or classes. Arrays are batch first: `x` is (N, T, D), and `h[:, t]` is the
# state after `x[:, t]` was read. `dv` is the gradient of the loss for `v`, in the shape of `v`.

# %% [markdown]
# ---
# ## A · Order matters
#
# Count the words of a sentence and throw away where they stood: that is a *bag of words*. For a bag, "dog bites man" and "man
# bites dog" are one and the same. A recurrent network reads from left to right and updates its state at every word,
#
# $$h_t = \tanh(W_{xh}\,x_t + W_{hh}\,h_{t-1} + b),$$
#
# and because the old state goes into the new one, it ends up elsewhere when the words come in another order. Two warm-ups
# without a single matrix.

# %% [markdown]
# {question same_bag_pair}

# %%
with looking_at("same_bag_pair") as show:
    from math import tanh

    from memnet.order import same_bag_pair

    for name, tokens in zip("ab", same_bag_pair(), strict=True):
        state, path = 0.0, []
        for token in tokens:
            state = tanh(0.5 * float(token) + 0.9 * state)
            path.append(f"{state:.3f}")
        bag = sorted(int(token) for token in tokens)
        print(f"{name}: the bag is {bag}, one unit goes {' → '.join(path)}")

# %% [markdown]
# **Look at** the last number of each line. The bags are equal, and the unit that read them is not. How long could you make
# the sequences, with the difference at their start, before the two last numbers agree to three digits? Keep that thought for
# part D.

# %% [markdown]
# {question first_word_sentences}

# %%
with looking_at("first_word_sentences") as show:
    from memnet.order import first_word_sentences

    endings: dict = {}
    for sentence in first_word_sentences():
        first, *middle, last = sentence.split()
        endings.setdefault(" ".join(middle), []).append(f"{first} … {last}")
    for middle, pairs in endings.items():
        print(f"… {middle} …   {' | '.join(pairs)}")

# %% [markdown]
# **Look at** any one middle. A reader who remembers only the last few words has no way to choose between its endings. The
# first word must survive all the way, and nothing on the way repeats it.

# %% [markdown]
# ---
# ## B · A running summary

# %% [markdown]
# ![A recurrent network unrolled over four timesteps: the same cell reads one input after the other and hands its state on to
# the right; every state also gives an output](figures/unrolled.png)

# %% [markdown]
# One rule, applied again and again: the same $W_{xh}$, $W_{hh}$ and $b$ at every timestep. So the network works for sequences
# of any length, and it can run on a stream: read, update, forget the input. The price is that the state has H numbers, however
# long the story gets. It is a summary and no archive.
#
# In a batch the samples are rows. The equation above is for one sample written as a column: on which side do the weights
# stand, and how are they turned, when every row is a sample?

# %% [markdown]
# {question rnn_step}

# %% [markdown]
# {question rnn_forward}

# %% [markdown]
# A sentence to read, and a vector for each of its words:

# %%
words = "the dog saw the cat chase the ball".split()
rng = np.random.default_rng(4)
vectors = {word: rng.normal(size=8) for word in sorted({*words, "nobody"})}


def embed(sentence):
    """The vectors of a sentence's words, as a batch of one: (1, T, 8)."""
    return np.array([[vectors[word] for word in sentence]])


# %%
with looking_at("rnn_forward") as show:
    from memnet.rnn import rnn_forward

    H, rng = 12, np.random.default_rng(4)
    W_xh, W_hh, b = rng.normal(0, 0.5, (H, 8)), rng.normal(0, 0.9 / H**0.5, (H, H)), np.zeros(H)

    def read(sentence):
        return rnn_forward(embed(sentence), np.zeros((1, H)), W_xh, W_hh, b)[0]

    from lab import pictures

    show(pictures.hidden_state_slider(read(words), words))
    show(pictures.hidden_state_strip(read(words), words, columns=8))

# %% [markdown]
# **Look at** the slider: it starts before the first word, when the state is nothing but zeros. Move it one word at a time. (No
# slider? Then widgets do not run where you are, and the strip below it shows the same moments side by side.) The word *the*
# occurs three times and leaves three different columns: each is *the* in the light of what came before.
#
# Now change nothing but the first word, and watch how long the network can tell.

# %%
with looking_at("rnn_forward") as show:
    changed = ["nobody", *words[1:]]
    difference = read(words) - read(changed)
    print("largest difference after each word:", np.abs(difference).max(axis=1).round(3))

    from lab import pictures

    show(pictures.hidden_state(difference, changed))

# %% [markdown]
# {question output_head}

# %% [markdown]
# The loss averages over the positions that count. Padding does not: sequences of unequal length lie in one array, and a mask
# says what is real. With $K$ kept positions,
#
# $$L = -\frac1K \sum_{\text{kept } n,\,t} \log \mathrm{softmax}(y_{n,t})_{\text{target}}.$$

# %% [markdown]
# {question sequence_loss}

# %%
with looking_at("sequence_loss") as show:
    from memnet.rnn import sequence_loss

    for V in (2, 10, 1000):
        loss, _ = sequence_loss(np.zeros((2, 3, V)), np.zeros((2, 3), int), np.ones((2, 3), bool))
        print(f"V = {V:4}: a network that knows nothing pays {loss:.4f}; log V = {np.log(V):.4f}")

# %% [markdown]
# **Look at** the two columns: a network that has just been born should pay log V. If your training starts far above it, the
# loss or the first weights are wrong. It is the cheapest test in the trade.

# %% [markdown]
# {question rnn_forward_masked}

# %% [markdown]
# ---
# ## C · Backpropagation through time

# %% [markdown]
# ![The same network with gradients as dashed arrows: the loss of each timestep sends its own gradient down into the state,
# and every state but the last receives a second one from the timestep to its right](figures/backward.png)

# %% [markdown]
# Unroll the network and it is a deep feed-forward net, one layer a timestep, all layers sharing their weights. Three things
# follow, and they are all there is to it:
#
# - a state is used **twice**, by its own output and by the next step, so two gradients meet in it and **add**;
# - shared weights get a contribution from **every** timestep, and those add too;
# - the way back goes from the last step to the first.

# %% [markdown]
# {question rnn_step_backward}

# %% [markdown]
# {question rnn_backward}

# %%
with looking_at("rnn_forward", "rnn_backward") as show:
    from memnet.bptt import rnn_backward
    from memnet.rnn import rnn_forward

    rng = np.random.default_rng(1)
    x, h0, sent_in = rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 6, 4))
    A, B, bias = rng.normal(0, 0.6, (4, 3)), rng.normal(0, 0.6, (4, 4)), rng.normal(size=4)

    def toy_loss(B):
        return (sent_in * rnn_forward(x, h0, A, B, bias)).sum()

    slopes = rnn_backward(sent_in, x, h0, rnn_forward(x, h0, A, B, bias), A, B)[3]
    for i, j in ((0, 0), (1, 3), (3, 2)):
        nudge = np.zeros((4, 4))
        nudge[i, j] = 1e-5
        measured = (toy_loss(B + nudge) - toy_loss(B - nudge)) / 2e-5
        print(f"dW_hh[{i}, {j}]   yours {slopes[i, j]:+.8f}   by nudging the weight {measured:+.8f}")

# %% [markdown]
# **Look at** the digits that agree: about eight, and that is as good as nudging gets. This test needs no answer book, so it
# goes wherever you go. It has a blind side: it compares your backward pass with *your* forward pass. If both make the same
# mistake, they agree.

# %% [markdown]
# {question output_head_backward}

# %% [markdown]
# {question embedding_backward}

# %% [markdown]
# Full backpropagation needs all T states at once. **Truncation** cuts the sequence into chunks of k steps: the *state* goes on
# from chunk to chunk, the *gradient* stops at the boundary. It is cheaper, and it is another gradient.

# %% [markdown]
# {question rnn_backward_truncated}

# %%
with looking_at("rnn_forward", "rnn_backward", "rnn_backward_truncated") as show:
    from memnet.bptt import rnn_backward, rnn_backward_truncated
    from memnet.rnn import rnn_forward

    rng = np.random.default_rng(2)
    T = 24
    x, h0, sent_in = rng.normal(size=(4, T, 3)), np.zeros((4, 8)), rng.normal(size=(4, T, 8))
    A, bias = rng.normal(0, 0.4, (8, 3)), np.zeros(8)
    B = 0.95 * np.linalg.qr(rng.normal(size=(8, 8)))[0]
    h = rnn_forward(x, h0, A, B, bias)
    full = rnn_backward(sent_in, x, h0, h, A, B)[3]
    for k in (1, 2, 4, 8, 12, 24):
        cut = rnn_backward_truncated(sent_in, x, h0, h, A, B, k)[1]
        off = np.linalg.norm(cut - full) / np.linalg.norm(full)
        print(f"k = {k:2}   dW_hh is off by {off:6.1%}   {'█' * round(40 * off)}")

# %% [markdown]
# **Look at** where the bars end. What is cut away is the credit that late losses would give to early steps; what short chunks
# still get right is the rest. Did you notice that the states `h` are the same in every row? Truncation does not make a network
# forget. It keeps it from *learning* to remember.

# %% [markdown]
# ---
# ## D · The vanishing problem
#
# Going back one step multiplies the gradient by a Jacobian,
#
# $$J_t = \frac{\partial h_t}{\partial h_{t-1}} = \mathrm{diag}(1 - h_t^2)\,W_{hh},$$
#
# and going back n steps by n of them. A product of n similar factors does what powers do: it dies, or it blows up.

# %% [markdown]
# {question step_jacobian}

# %% [markdown]
# {question gradient_norms}

# %%
with looking_at("rnn_forward", "gradient_norms") as show:
    from memnet.gradients import gradient_norms
    from memnet.rnn import rnn_forward

    rng = np.random.default_rng(3)
    T, H = 61, 32
    x, sent_in = rng.normal(size=(1, T, 4)), rng.normal(size=(1, H))
    A, rotation = rng.normal(0, 0.3, (H, 4)), np.linalg.qr(rng.normal(size=(H, H)))[0]
    print("norm of the gradient, relative to the last step")
    print("W_hh = r × rotation    10 steps back   30 steps back   60 steps back")
    for radius in (0.7, 1.0, 1.3, 2.0):
        B = radius * rotation
        norms = gradient_norms(sent_in, rnn_forward(x, np.zeros((1, H)), A, B, np.zeros(H)), B)
        left = [norms[T - 1 - back] / norms[T - 1] for back in (10, 30, 60)]
        print(f"r = {radius:<18}" + "".join(f"{share:13.1e}   " for share in left))

# %% [markdown]
# **Look at** r = 1. A rotation keeps every length, and still the gradient fades: the factor $1 - h_t^2$ is below one wherever a
# unit is not exactly zero. What does that say about the rule "radius above one explodes"?
#
# Gradients that blow up can be cut to size.

# %% [markdown]
# {question clip_by_global_norm}

# %%
with looking_at("clip_by_global_norm") as show:
    from memnet.gradients import clip_by_global_norm

    for size in (1e6, 1.0, 1e-8):
        (first, _), norm = clip_by_global_norm([size * np.ones((2, 2)), size * np.ones(3)], 1.0)
        print(f"norm {norm:9.2e}   each entry before {size:9.2e}   after {first[0, 0]:9.2e}")

# %% [markdown]
# **Look at** the last line. Clipping has an answer to one of the two troubles. Which one is left?

# %% [markdown]
# ---
# ## E · Gates

# %% [markdown]
# ![An LSTM cell: the cell state runs straight through from left to right, is multiplied by the forget gate and added to by
# input gate times candidate; the output gate decides what of it becomes the hidden state](figures/lstm.png)

# %% [markdown]
# The simple cell writes its whole state anew at every step, and so every step is a chance to lose what was there. The LSTM
# keeps a second vector, the cell state $c$, which is only ever *scaled* and *added to*:
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t).$$
#
# Three gates between 0 and 1, computed from what is read and what is known, decide: $f$ what to keep, $i$ what to write, $o$
# what to show; $g$ is what would be written. Along $c$ the way back has a single factor a step, $f_t$, and the network can
# learn to hold it near one.

# %% [markdown]
# {question lstm_step}

# %% [markdown]
# {question lstm_forward}

# %%
with looking_at("lstm_forward") as show:
    from lab import pictures
    from memnet.lstm import lstm_forward

    H, rng = 8, np.random.default_rng(6)
    W_xh, W_hh, b = rng.normal(0, 0.4, (4 * H, 8)), rng.normal(0, 0.4, (4 * H, H)), np.zeros(4 * H)
    b[H : 2 * H] = 2.0
    _, _, gates = lstm_forward(embed(words), np.zeros((1, H)), np.zeros((1, H)), W_xh, W_hh, b)
    show(pictures.gates_over_time(gates[0], words))

# %% [markdown]
# **Look at** the forget gate. Its bias was set to 2 here, so it starts out open. A forget gate of one means *keep*: the name is
# a trap. What would the picture look like after training on a task where only the first word counts?

# %% [markdown]
# {question lstm_step_backward}

# %% [markdown]
# {question lstm_backward}

# %%
with looking_at("rnn_forward", "gradient_norms", "lstm_forward", "lstm_step_backward") as show:
    from lab import experiments, pictures
    from memnet.gradients import gradient_norms
    from memnet.lstm import lstm_forward, lstm_step_backward
    from memnet.rnn import rnn_forward

    survival = experiments.gradient_norms_by_distance(
        rnn_forward, gradient_norms, lstm_forward, lstm_step_backward
    )
    show(pictures.gradient_against_distance(survival))

# %% [markdown]
# **Look at** the axis: each grid line is a power of ten. Both networks are untrained and of one size. The simple one loses a
# constant *share* at every step, a straight line down. The LSTM's line stays up because of its forget gates, which were set
# to keep; with all of them at one half it would go down as fast. Note two numbers of this picture for G5.

# %% [markdown]
# {question pack_lstm_weights}

# %% [markdown]
# {question gru_step}

# %% [markdown]
# ---
# ## F · The same in torch
#
# What you have built by hand is four lines in torch. Write them, and prove to yourself that they are the same network.

# %% [markdown]
# {question SimpleRNN}

# %% [markdown]
# {question rnn_to_torch}

# %%
with looking_at("rnn_forward", "rnn_to_torch") as show:
    import torch
    from memnet.rnn import rnn_forward
    from memnet.simple_rnn import rnn_to_torch

    rng = np.random.default_rng(7)
    x, A = rng.normal(size=(2, 9, 3)), rng.normal(size=(5, 3))
    B, bias = rng.normal(size=(5, 5)), rng.normal(size=5)
    network = torch.nn.RNN(3, 5, batch_first=True, dtype=torch.float64)
    network.load_state_dict(rnn_to_torch(A, B, bias))
    with torch.no_grad():
        theirs = network(torch.as_tensor(x))[0].numpy()
    yours = rnn_forward(x, np.zeros((2, 5)), A, B, bias)
    print(f"largest difference to torch: {np.abs(theirs - yours).max():.1e}")

# %% [markdown]
# ---
# ## G · The memory budget
#
# Backpropagation through time stores T states. There is a way to get the *exact* gradient with far fewer: keep a state every k
# steps, let the others go, and compute them once more, a segment at a time, on the way back. It costs a second forward pass.
# This is called gradient checkpointing, and unlike truncation it changes nothing but the bill.

# %% [markdown]
# ![A row of sixteen timesteps: every fourth state is kept, and one segment of four is being recomputed from the state before
# it](figures/checkpoints.png)

# %% [markdown]
# {question rnn_backward_checkpointed}

# %% [markdown]
# {question stored_states}

# %%
with looking_at("rnn_backward_checkpointed") as show:
    from lab import experiments, pictures
    from memnet.memory_budget import rnn_backward_checkpointed

    profile = experiments.memory_profile(rnn_backward_checkpointed, 1024, [1, 4, 16, 32, 64, 256, 1024])
    show(pictures.memory_against_time(profile))

# %% [markdown]
# **Look at** both ends of the curve: an interval of 1 stores everything, and so does one of T. What does your `best_interval`
# say for T = 1024, and is the star there? How much time does the least memory cost?
#
# Now the other budget, the state's own. Design a task that needs three memories at once: of the first token, of the last, and
# of one in the middle.

# %% [markdown]
# {question memory_task}

# %%
with looking_at("memory_task") as show:
    from lab import experiments
    from memnet.memory_task import memory_task_label, memory_task_tokens

    shares = experiments.influence(memory_task_tokens, memory_task_label, 12, 4)
    print("how often the answer changes when one token is drawn anew")
    for place, share in enumerate(shares):
        print(f"position {place:2}   {share:4.0%}   {'█' * round(40 * share)}")

# %% [markdown]
# **Look at** which rows have a bar. There should be three, none of them tiny.
#
# Next, a network that is not trained but *set*. A unit that feeds strongly into itself has two resting places, and stays in
# the one it was pushed into.

# %% [markdown]
# {question latch_weights}

# %%
with looking_at("latch_weights", "rnn_forward") as show:
    from lab import pictures
    from memnet.memory_task import latch_weights
    from memnet.rnn import rnn_forward

    W_xh, W_hh, b, W_hy, b_y = latch_weights()
    for tokens in ("abba-bab--ba", "babb-aa-baab"):
        x = np.eye(3)[["ab-".index(token) for token in tokens]][np.newaxis]
        h = rnn_forward(x, np.zeros((1, len(b))), W_xh, W_hh, b)
        show(pictures.hidden_state(h[0], list(tokens)))

# %% [markdown]
# **Look at** the first column and the last. Everything in between tried to overwrite it.
#
# Weights like these exist, then. Does training *find* them? Two networks, your `SimpleRNN` and an LSTM, are trained on your own
# task: on all of it, and on recalling one part of it at a time. This takes half a minute or so.

# %%
with looking_at("memory_task", "SimpleRNN") as show:
    from lab import experiments, pictures
    from memnet.memory_task import memory_task_label, memory_task_tokens
    from memnet.simple_rnn import SimpleRNN

    run = experiments.train_on_task(memory_task_tokens, memory_task_label, simple_rnn=SimpleRNN)
    show(pictures.influence_and_accuracy(run))

# %% [markdown]
# **Look at** the lower half first: which part can each network recall? Then the upper half: where does the answer of the RNN
# really depend on the tokens, and where does it only seem to? One more measurement asks networks that nobody trained: can a
# straight-line guess from the last state still name the token that stood at a position?

# %%
with looking_at("rnn_forward", "lstm_forward") as show:
    from lab import experiments
    from memnet.lstm import lstm_forward
    from memnet.rnn import rnn_forward

    found = experiments.probe(rnn_forward, lstm_forward)
    print(f"position   RNN    LSTM   (blind guessing: {found.chance:.0%})")
    for place, rnn_share, lstm_share in zip(found.positions, found.rnn, found.lstm, strict=True):
        print(f"{place:8}   {rnn_share:4.0%}   {lstm_share:4.0%}")

# %% [markdown]
# Your turn to say what you saw. Some lines of plain words are enough; what counts is that they rest on numbers **you** measured
# above. Say how far each part is from the loss, counted in Jacobians. Look at both directions: what happens to the information
# on the way forward, and to the gradient on the way back.

# %% [markdown]
# {written hardest_part}

# %% [markdown]
# And one step back from it all. A recurrent network can listen to a microphone for a week; it cannot read the thousandth word
# of a book before the ones in front of it. Say what follows from either, and how one later architecture deals with it.

# %% [markdown]
# {written buys_and_costs}

# %% [markdown]
# ---
# ## Optional
#
# For long evenings. None of these is needed for full points, and each stands alone.

# %% [markdown]
# {question gru_forward}

# %% [markdown]
# {question gru_backward}

# %% [markdown]
# {question bidirectional_forward}

# %% [markdown]
# {question two_layer_forward}

# %% [markdown]
# A recurrence without a nonlinearity is a composition of straight lines, and composing is associative. So it need not be run
# one step after the other: this is how state-space models get their speed back.

# %% [markdown]
# {question linear_scan}

# %% [markdown]
# {question checkpoint_schedule}

# %% [markdown]
# ---
# ## Everything at once, and handing in
#
# The first cell runs all checks. Then **save the notebook**, and run the second: it puts the modules and the notebook, as they
# are on disk, into one zip, and tells you what is missing or still blank. Hand in that zip.

# %%
grader.check_all()

# %%
grader.export()
