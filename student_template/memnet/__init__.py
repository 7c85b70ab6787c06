"""Memory in Networks: recurrent networks and their gradients, one module a topic.

Modules may import each other and numpy; `simple_rnn.py` may import torch as well.

Axes: N batch, T timesteps, D input features, H hidden units, V classes or vocabulary, G gates.
Arrays are float64 and batch first. Every function is pure: arrays in, new arrays out, nothing kept between
calls.
"""
