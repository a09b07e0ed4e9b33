"""Draws GRACE's two-dimensional example (Hartvigsen et al., NeurIPS 2023, Figure 2) as one picture of four panels.

A small classifier learns separable data (a). Labels are then flipped in two places (b), where the classifier is wrong
(c). A codebook at its hidden layer learns the flipped points one by one by Algorithm 1, and mends these places alone
(d). Needs matplotlib: pip install 'kedit-memory[report]'.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from kedit_memory.editors.codebook import Codebook

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

WIDTH = 32
CENTRES = ((-1.0, 0.0), (1.0, 0.0))  # of the two classes
FLIPPED = ((-1.3, 0.8), (1.2, -0.7))  # places where labels change
REACH = 0.3
SIDE = 2.6  # half of the picture's
COLOURS = ("#d95f02", "#1b6ca8")

Points = NDArray[np.float32]
Labels = NDArray[np.int64]


class Classifier(nn.Module):
    """Two coordinates to two classes; the codebook replaces what `hidden` makes of `first`."""

    def __init__(self, codebook: Codebook) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(2, WIDTH), nn.Tanh())
        self.hidden = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh())
        self.last = nn.Linear(WIDTH, 2)
        self.codebook = codebook

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Scores of shape (points, 2)."""
        keys = self.first(points)
        values = self.hidden(keys)
        if len(self.codebook):
            entries = torch.from_numpy(self.codebook.find_nearest(keys.detach().numpy()).entries)
            stored = torch.from_numpy(self.codebook.values)[entries.clamp(min=0)]
            values = torch.where((entries >= 0)[:, None], stored, values)
        scores: torch.Tensor = self.last(values)
        return scores


def sample(generator: np.random.Generator, count: int) -> tuple[Points, Labels]:
    """Points of the two classes, which a line divides."""
    labels = generator.integers(0, 2, count)
    points = np.array(CENTRES)[labels] + generator.normal(0, (0.35, 0.8), (count, 2))
    points[:, 0] = np.where(labels == 0, np.minimum(points[:, 0], -0.15), np.maximum(points[:, 0], 0.15))
    return points.astype(np.float32), labels


def flipped(generator: np.random.Generator, count: int) -> tuple[Points, Labels]:
    """Points around the places where labels change, with their new labels."""
    places = generator.integers(0, len(FLIPPED), count)
    points = np.array(FLIPPED)[places] + generator.uniform(-REACH / 2, REACH / 2, (count, 2))
    return points.astype(np.float32), (points[:, 0] < 0).astype(np.int64)


def train(classifier: Classifier, points: Points, labels: Labels) -> None:
    """Three hundred steps of Adam over all points."""
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        cross_entropy(classifier(torch.from_numpy(points)), torch.from_numpy(labels)).backward()
        optimizer.step()


def edit(classifier: Classifier, point: Points, label: int, owner: str, radius: float) -> None:
    """One round of Algorithm 1, where the classifier is wrong."""
    given, wanted = torch.from_numpy(point)[None], torch.tensor([label])
    if classifier(given).argmax() == label:
        return
    with torch.no_grad():
        state = classifier.first(given)
        value = classifier.hidden(state)
    key = state[0].numpy()
    placement = classifier.codebook.place(key, str(label), radius)
    if placement.action == "expand":
        value = torch.from_numpy(classifier.codebook.values[[placement.entry]].copy())
    else:
        value.requires_grad_()
        optimizer = torch.optim.Adam([value], lr=0.1)
        for _ in range(100):
            (value.grad,) = torch.autograd.grad(cross_entropy(classifier.last(value), wanted), [value])
            optimizer.step()
    found = value.detach()[0].numpy()
    classifier.codebook.enter(placement, key, found, label=str(label), owner=owner, initial_radius=radius)


@torch.no_grad()
def accuracy(classifier: Classifier, points: Points, labels: Labels) -> float:
    """The share of points that are given their label."""
    return float((classifier(torch.from_numpy(points)).argmax(1) == torch.from_numpy(labels)).float().mean())


@torch.no_grad()
def shade(axes: Axes, classifier: Classifier) -> None:
    """Colours each place by the class that it is given."""
    steps = np.linspace(-SIDE, SIDE, 160, dtype=np.float32)
    across, up = np.meshgrid(steps, steps)
    points = np.stack([across.ravel(), up.ravel()], 1)
    classes = classifier(torch.from_numpy(points)).argmax(1).reshape(across.shape)
    axes.pcolormesh(across, up, classes, cmap=ListedColormap(COLOURS), alpha=0.25, shading="nearest", vmin=0, vmax=1)


def scatter(axes: Axes, points: Points, labels: Labels, marker: str, size: int) -> None:
    """Points in the colours of their labels."""
    colours = [COLOURS[label] for label in labels]
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=size, marker=marker, edgecolors="white", linewidths=0.4)


def draw(output: Path, seed: int, radius: float) -> dict[str, float]:
    """The picture as a PNG, and the accuracies that it shows."""
    generator = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.random.manual_seed(seed)
        classifier = Classifier(Codebook(WIDTH))
    points, labels = sample(generator, 200)
    wrong, relabelled = flipped(generator, 40)
    far = np.linalg.norm(points[:, None] - np.array(FLIPPED)[None], axis=2).min(1) > 2 * REACH
    points, labels = points[far], labels[far]
    train(classifier, points, labels)
    figure, panels = plt.subplots(1, 4, figsize=(16, 4.4), sharex=True, sharey=True)
    scatter(panels[0], points, labels, "o", 22)
    scatter(panels[1], points, labels, "o", 12)
    scatter(panels[1], wrong, relabelled, "X", 42)
    for panel in panels[2:]:
        if panel is panels[3]:
            before = accuracy(classifier, points, labels), accuracy(classifier, wrong, relabelled)
            for number, point in enumerate(wrong):
                edit(classifier, point, int(relabelled[number]), str(number), radius)
        shade(panel, classifier)
        scatter(panel, points, labels, "o", 12)
        scatter(panel, wrong, relabelled, "X", 42)
    after = accuracy(classifier, points, labels), accuracy(classifier, wrong, relabelled)
    entries = len(classifier.codebook)
    titles = (
        "(a) training data",
        "(b) labels flipped in two places (crosses)",
        f"(c) unedited: {before[0]:.0%} of dots, {before[1]:.0%} of crosses",
        f"(d) GRACE, {entries} entries: {after[0]:.0%} of dots, {after[1]:.0%} of crosses",
    )
    for panel, title in zip(panels, titles, strict=True):
        panel.set(title=title, xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE), aspect="equal", xticks=[], yticks=[])
        panel.title.set_fontsize(10)
    figure.tight_layout()
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=120)
    return {"dots": after[0], "crosses": after[1], "entries": entries}


def main() -> None:
    """Draws the picture and says what it shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("grace_figure2.png"), help="the PNG to write")
    parser.add_argument("--seed", type=int, default=0, help="of data and weights")
    parser.add_argument("--radius", type=float, default=0.35, help="initial radius of an entry, in the hidden space")
    options = parser.parse_args()
    shown = draw(options.output, options.seed, options.radius)
    print(
        f"{options.output}: {shown['entries']} entries; after the edits {shown['dots']:.1%} of the old labels "
        f"and {shown['crosses']:.1%} of the flipped ones are given"
    )


if __name__ == "__main__":
    main()
