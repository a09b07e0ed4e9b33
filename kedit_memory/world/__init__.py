"""Our own world of facts: what the demonstration, the training and the evaluations are about.

No part of the library reads it by itself; a router is given it as its background.
"""

from kedit_memory.world.background import background
from kedit_memory.world.files import passages_file, world_folder
from kedit_memory.world.tables import UNSEEN_TIER, Entity, Fact, Relation, World, load_world

__all__ = [
    "UNSEEN_TIER",
    "Entity",
    "Fact",
    "Relation",
    "World",
    "background",
    "load_world",
    "passages_file",
    "world_folder",
]
