"""Is the lab's story the same on every seed? The whole experiment on the reference task, at the lab's settings.

    python tests/benchmarks/lab_seeds.py [--seeds 20] [--first-seed 100]

The story: of what the simple network is trained to recall, the first token is named least often, then the middle one,
and the last one always; the LSTM names all three (0.8 or more). So the answers of the one are worse than those of the other.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "reference"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "assignments/memory_in_networks/student"))

import torch
from lab.experiments import TaskRun, train_on_task
from memnet.memory_task import memory_task_label, memory_task_tokens
from memnet.simple_rnn import SimpleRNN


def told(run: TaskRun) -> bool:
    """Whether one run is as the story says: it is about an order, and a tenth is a difference."""
    first, middle, last = run.recall["RNN"]
    in_order = first + 0.1 <= middle <= last
    remembers = min(run.recall["LSTM"]) >= max(0.8, first + 0.05)
    return bool(in_order and remembers and run.accuracy["RNN"] + 0.1 <= run.accuracy["LSTM"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=100)
    options = parser.parse_args()
    good, seconds = 0, []
    torch.nn.RNN(1, 1)(torch.zeros(1, 1, 1))  # loading torch is no part of the experiment
    print(f"{'seed':>6}  {'RNN first, middle, last':<24}{'LSTM first, middle, last':<26}{'answers RNN, LSTM':<20}"
          f"{'whole RNN, LSTM':<18}CPU s")  # fmt: skip
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        begun = time.process_time()
        run = train_on_task(memory_task_tokens, memory_task_label, seed=seed, simple_rnn=SimpleRNN)
        seconds.append(time.process_time() - begun)
        good += told(run)
        columns = [*run.recall.values(), run.accuracy.values(), run.whole.values()]
        texts = [" ".join(f"{share:.3f}" for share in column) for column in columns]
        print(f"{seed:>6}  {texts[0]:<24}{texts[1]:<26}{texts[2]:<20}{texts[3]:<18}{seconds[-1]:.1f}"
              f"{'' if told(run) else '   not as told'}", flush=True)  # fmt: skip
    print(f"as told on {good} of {options.seeds} seeds; {min(seconds):.1f} to {max(seconds):.1f} CPU seconds a run")


if __name__ == "__main__":
    main()
