"""The world as a router is given it."""

from kedit_memory.popularity.table import PopularityTable
from kedit_memory.retrieval.documents import read_passages
from kedit_memory.routing.background import Background
from kedit_memory.world.files import passages_file
from kedit_memory.world.tables import World, load_world

NAME = "world"


def background(world: World | None = None) -> Background:
    """Names, passages, popularity, phrasings and facts of a world, by default the shipped one.

    Phrasings that are held out of the training are left out: questions in them show what an unseen wording does.
    """
    world = world or load_world()
    return Background(
        name=NAME,
        aliases={name: entity.aliases for name, entity in world.entities.items()},
        passages=tuple(read_passages(passages_file())),
        popularity=PopularityTable({name: entity.tier for name, entity in world.entities.items()}),
        phrasings=tuple(
            (name, phrasing)
            for name, relation in world.relations.items()
            for phrasing in relation.phrasings(held_out=False)
        ),
        facts={
            subject: tuple((fact.relation, fact.object) for fact in facts)
            for subject, facts in world.by_subject.items()
        },
    )
