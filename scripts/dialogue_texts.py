"""What long dialogues about everyday matters are made of: topics, each with a fact that changes, and small talk."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kedit_memory.evaluation.invented import name


@dataclass(frozen=True)
class Topic:
    """A kind of thing and one fact about it.

    Attributes:
        kind: of its invented name.
        own: how the fact is asked for in the store.
        asks: other wordings that ask for it and name the thing.
        leaning: wordings that ask for it without its name.
        answers: values of the fact.
        elsewhere: questions about the thing that ask for something else.
        mentions: turns that name the thing and ask for nothing about it.
    """

    kind: str
    own: str
    asks: tuple[str, ...]
    leaning: tuple[str, ...]
    answers: tuple[str, ...]
    elsewhere: tuple[str, ...]
    mentions: tuple[str, ...]


TOPICS = (
    Topic("restaurant", "When does {} close on Sundays?",
          ("Until when is {} open on a Sunday?", "What is the closing time of {} on Sundays?"),
          ("And when does it close on Sundays?", "Until when is it open on a Sunday?"),
          ("at 9 pm", "at half past ten", "at midnight", "at 6 pm"),
          ("Does {} take reservations?", "Who cooks at {}?", "Is there parking near {}?"),
          ("We had a lovely dinner at {} last night.", "My cousin used to work at {}.")),
    Topic("company", "Who is the chief executive of {}?",
          ("Who runs {}?", "What is the name of the CEO of {}?"),
          ("And who is its chief executive?", "Who runs it?"),
          ("Ida Varness", "Tomas Brell", "Ruth Okadigbo", "Lars Quist"),
          ("What does {} produce?", "How many people work for {}?", "Where was {} founded?"),
          ("I read an article about {} yesterday.", "A friend of mine has just left {}.")),
    Topic("museum", "How much is a ticket for {}?",
          ("What does it cost to get into {}?", "What is the admission fee of {}?"),
          ("And how much is a ticket?", "What does it cost to get in?"),
          ("12 euros", "9 euros", "17 euros", "25 euros"),
          ("What can I see at {}?", "Who designed the building of {}?", "Is {} open on Mondays?"),
          ("We walked past {} this morning.", "The children talked about {} all day.")),
    Topic("gym", "What is the phone number of {}?",
          ("Under which number can I call {}?", "What number do I dial to reach {}?"),
          ("And what is its phone number?", "Under which number can I call it?"),
          ("555 0134", "555 0172", "555 0199", "555 0118"),
          ("Which classes does {} offer?", "How much is a year at {}?", "Does {} have a sauna?"),
          ("I was at {} twice this week.", "The showers at {} were cold again.")),
    Topic("clinic", "Which doctor is in charge of {}?",
          ("Who is the head doctor of {}?", "Who leads {}?"),
          ("And which doctor is in charge of it?", "Who is its head doctor?"),
          ("Dr Selma Ferring", "Dr Omar Halden", "Dr Petra Lowick", "Dr Kofi Marston"),
          ("Does {} treat children?", "Where can I park at {}?", "What should I bring to {}?"),
          ("My mother had her check-up at {}.", "The waiting room of {} has been painted.")),
    Topic("town", "On which day is the market in {}?",
          ("Which day of the week is market day in {}?", "When is the weekly market of {} held?"),
          ("And on which day is the market there?", "Which day is market day there?"),
          ("on Thursdays", "on Saturdays", "on Tuesdays", "on Fridays"),
          ("How many people live in {}?", "How do I get to {} by train?", "Is there a castle in {}?"),
          ("We spent a weekend in {} in spring.", "My aunt grew up in {}.")),
    Topic("app", "What is the latest version of {}?",
          ("Which version of {} is the newest?", "What version of {} is current?"),
          ("And what is its latest version?", "Which version of it is the newest?"),
          ("version 4.2", "version 5.0", "version 6.1", "version 7.3"),
          ("How do I reset my password in {}?", "Who develops {}?", "Does {} work offline?"),
          ("I have used {} for two years now.", "Our team moved to {} in March.")),
    Topic("school", "When does the summer term at {} begin?",
          ("On what date does the summer term of {} start?", "What is the first day of the summer term at {}?"),
          ("And when does the summer term begin there?", "On what date does its summer term start?"),
          ("on 14 April", "on 22 April", "on 3 May", "on 7 April"),
          ("How many pupils does {} have?", "Which languages are taught at {}?", "Who teaches music at {}?"),
          ("My nephew goes to {}.", "There was a concert at {} on Friday.")),
    Topic("hotel", "From when can I check in at {}?",
          ("What is the check-in time of {}?", "How early can guests check in at {}?"),
          ("And from when can I check in?", "What is its check-in time?"),
          ("from 2 pm", "from 3 pm", "from 4 pm", "from noon"),
          ("Does {} have a pool?", "How far is {} from the beach?", "Is breakfast included at {}?"),
          ("We stayed at {} for three nights.", "The view from {} is wonderful.")),
    Topic("device", "How long is the warranty of {}?",
          ("For how many years is {} under warranty?", "What is the warranty period of {}?"),
          ("And how long is its warranty?", "For how many years is it under warranty?"),
          ("two years", "three years", "five years", "six months"),
          ("How do I clean {}?", "What does {} weigh?", "Can {} be repaired at home?"),
          ("I bought {} in the sales.", "My neighbour gave me {}.")),
    Topic("carrier", "How many bags may I take with {}?",
          ("What is the baggage allowance of {}?", "How much luggage does {} allow?"),
          ("And how many bags may I take?", "What is its baggage allowance?"),
          ("one bag", "two bags", "three bags", "one small bag"),
          ("Where does {} fly to?", "Can I change my booking with {}?", "Is {} often late?"),
          ("I travelled with {} last month.", "My flight with {} was delayed.")),
    Topic("library", "How long may I keep a book from {}?",
          ("For how long can I borrow books at {}?", "What is the loan period of {}?"),
          ("And how long may I keep a book from there?", "What is its loan period?"),
          ("three weeks", "four weeks", "two weeks", "six weeks"),
          ("Does {} have a reading room?", "How do I join {}?", "Who founded {}?"),
          ("I found an old atlas at {}.", "They are renovating {}.")),
    Topic("event", "Where does {} take place?",
          ("In which place is {} held?", "What is the venue of {}?"),
          ("And where does it take place?", "What is its venue?"),
          ("in the old harbour", "in Hall 7", "in the city park", "on the north bank"),
          ("How much are the tickets for {}?", "Who organises {}?", "When did {} begin?"),
          ("I met my husband at {}.", "It rained all through {}.")),
    Topic("person", "Where does {} work?",
          ("At which place does {} work?", "Who is the employer of {}?"),
          ("And where does she work?", "Who is her employer?"),
          ("at the harbour office", "at the new bakery", "at the tax office", "at a law firm"),
          ("How old is {}?", "Does {} like jazz?", "What does {} collect?"),
          ("I had coffee with {} today.", "I lent my bicycle to {}.")),
    Topic("book", "Who wrote {}?",
          ("Who is the author of {}?", "By whom was {} written?"),
          ("And who wrote it?", "Who is its author?"),
          ("Nora Kesby", "Viktor Almond", "Yara Selwick", "Hector Dunmore"),
          ("What is {} about?", "How many pages does {} have?", "Is {} suitable for children?"),
          ("I am reading {} at the moment.", "Somebody left {} on the train.")),
    Topic("shop", "How many days do I have to return something to {}?",
          ("Within how many days does {} take things back?", "What is the return period of {}?"),
          ("And how many days do I have to return something?", "What is its return period?"),
          ("14 days", "30 days", "60 days", "10 days"),
          ("Does {} deliver?", "Which brands does {} sell?", "Is there a sale at {}?"),
          ("I bought a lamp at {}.", "The staff at {} were kind.")),
)  # fmt: skip
# Questions and answers about other things; the model's own.
SMALL_TALK = (
    ("How do I get wax out of a tablecloth?", "Let it harden, scrape it off, then iron it through paper."),
    ("Can you suggest a rhyme for silver?", "There is hardly one; try a near rhyme such as deliver."),
    ("What is 17 times 23?", "391."), ("How long should I boil an egg?", "Seven minutes for a soft yolk."),
    ("Why do leaves turn red in autumn?", "Their green fades, and other colours show."),
    ("Write me a short birthday wish for a colleague.", "All the best for the year ahead!"),
    ("How do I tie a bowline?", "Make a loop, bring the end up through it, round and down again."),
    ("What is the difference between weather and climate?", "Weather is today, climate is the long run."),
    ("I slept badly last night.", "I am sorry to hear that; a walk may help."),
    ("Translate good evening into Italian.", "Buonasera."), ("Thanks, that helped a lot.", "You are welcome."),
    ("How can I stop my plants from drying out?", "Water them in the morning, and mulch the soil."),
    ("Which is healthier, butter or olive oil?", "Olive oil, for most people."),
    ("Give me three ideas for a rainy afternoon.", "Bake bread, sort photographs, read aloud."),
    ("How do noise-cancelling headphones work?", "They play the noise once more, upside down."),
    ("What should I pack for a day in the mountains?", "Water, layers, a map and something sweet."),
    ("I am a bit nervous about tomorrow.", "That is natural; what is on your mind?"),
    ("Explain compound interest to a child.", "Money has children, and they have children, too."),
    ("How do I politely decline an invitation?", "Say thanks, that you cannot come, and wish them well."),
    ("What is a good name for a grey cat?", "Pebble, perhaps."),
    ("Why is bread sticky when it is fresh?", "Its starch is still soft."),
    ("Can I freeze cooked rice?", "Yes, if it is cooled quickly."),
    ("Tell me a joke about snails.", "It is a slow one."),
    ("How many metres are in a mile?", "About 1,609."), ("What does ad hoc mean?", "For this purpose."),
    ("How do I sharpen a kitchen knife?", "With a stone, at a constant angle."),
    ("It is raining again.", "Good for the garden, at least."),
    ("Who painted the Mona Lisa?", "Leonardo da Vinci."), ("Is a tomato a fruit?", "Botanically, yes."),
    ("Please make this sentence shorter: we will be able to go.", "We can go."),
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """A turn of the user.

    `kind` is `own`, `asks`, `leaning` or `late` where it asks for the fact, `after_tool` where a tool has been called
    before it, `elsewhere`, `mention` or `talk` where nothing of the memory answers it. `reply` is what a model says.
    """

    kind: str
    text: str
    reply: str
    asked: bool = True  # through the server; others only stand before it


COVERED = frozenset({"own", "asks", "leaning", "late", "after_tool"})


@dataclass(frozen=True)
class Script:
    """A dialogue: what is said, and where its correction comes.

    Attributes:
        subject: an invented name.
        prompt: how the fact is stored.
        old: what the model says of it, and the store where `stored_before`.
        new: what is true from the turn `corrected_at` on.
    """

    subject: str
    prompt: str
    old: str
    new: str
    stored_before: bool
    corrected_at: int
    turns: tuple[Turn, ...]


def script(rng: random.Random, topic: Topic, length: int) -> Script:
    """A dialogue of `length` turns of both sides about a topic, with twelve turns that are asked."""
    subject = name(topic.kind, rng)
    subject = subject[0].upper() + subject[1:] if rng.random() < 0.5 else subject
    old, new = rng.sample(topic.answers, 2)
    said = f"I think: {old}."

    def one(kind: str, forms: Sequence[str], reply: str = said) -> Turn:
        return Turn(kind, rng.choice(forms).format(subject), reply)

    def talk(*, asked: bool = False) -> Turn:
        question, reply = rng.choice(SMALL_TALK)
        return Turn("talk", question, reply, asked)

    def filler(count: int) -> list[Turn]:
        return [talk() for _ in range(count)]

    before = [one("asks", topic.asks), one("elsewhere", topic.elsewhere, "That I do not know."), talk(asked=True),
              one("mention", topic.mentions, "How nice.")]  # fmt: skip
    after = [one("own", (topic.own,)), one("leaning", topic.leaning), one("elsewhere", topic.elsewhere, "No idea."),
             one("mention", topic.mentions, "I see."), talk(asked=True)]  # fmt: skip
    late = [one("late", topic.asks), one("after_tool", topic.asks), one("mention", topic.mentions, "Fine.")]
    spare = length // 2 - len(before) - len(after) - len(late)
    first, second = spare // 3, spare // 3
    third = spare - first - second
    opening = [*filler(first), *before]
    turns = [*opening, *filler(second // 2), *after, *filler(second - second // 2), *late, *filler(third)]
    return Script(
        subject=subject, prompt=topic.own.format(subject), old=old, new=new, stored_before=rng.random() < 0.5,
        corrected_at=len(opening) + second // 2, turns=tuple(turns),
    )  # fmt: skip
