"""Invented names of people, businesses, products and places, so that a text about one is about nothing real."""

import random

_ONSETS = (
    "B", "Br", "C", "Cal", "Cr", "D", "Dr", "El", "F", "Fen", "G", "Gl", "H", "Hal", "J", "K", "Kes", "L", "Lor", "M",
    "Mar", "N", "Nor", "Or", "P", "Per", "Qu", "R", "Ro", "S", "Sel", "St", "T", "Tr", "Ul", "V", "Var", "W", "Y", "Z",
)  # fmt: skip
_MIDDLES = (
    "a", "ab", "ad", "al", "am", "an", "ar", "av", "e", "ed", "el", "em", "en", "er", "ev", "i", "id", "il", "im",
    "in", "ir", "o", "od", "ol", "om", "on", "or", "u", "um", "un",
)  # fmt: skip
_ENDS = (
    "bury", "by", "dale", "den", "dor", "ford", "gate", "holm", "ington", "ka", "la", "ley", "low", "mere", "mont",
    "more", "na", "nis", "ra", "rick", "ridge", "ro", "sen", "son", "ston", "ta", "ton", "tova", "vale", "vin", "well",
    "wick", "wood", "worth",
)  # fmt: skip
FIRST_NAMES = (
    "Aaron", "Abena", "Aisha", "Alba", "Amir", "Andrea", "Anneke", "Arjun", "Astrid", "Bella", "Bilal", "Bruno",
    "Camille", "Carlos", "Chiara", "Chen", "Clara", "Dario", "Deepa", "Diego", "Dora", "Ebba", "Elif", "Emeka",
    "Erik", "Esther", "Fatima", "Felix", "Fiona", "Gareth", "Gita", "Greta", "Hana", "Hassan", "Hector", "Ida",
    "Imran", "Ines", "Ivan", "Jana", "Javier", "Joana", "Jonas", "Kamala", "Karim", "Kofi", "Kwame", "Lars", "Layla",
    "Leon", "Lina", "Lucia", "Magnus", "Malik", "Marek", "Mina", "Nadia", "Naomi", "Nico", "Nora", "Olga", "Omar",
    "Oscar", "Paloma", "Pavel", "Petra", "Priya", "Quentin", "Rafael", "Ravi", "Rosa", "Ruth", "Samira", "Sanjay",
    "Selma", "Sofia", "Sven", "Tamar", "Tariq", "Tessa", "Thea", "Tomas", "Uma", "Valeria", "Viktor", "Wanda", "Wei",
    "Xenia", "Yara", "Yusuf", "Zara", "Zoltan",
)  # fmt: skip
_ADJECTIVES = (
    "Amber", "Blue", "Brass", "Bright", "Broken", "Copper", "Crimson", "Crooked", "Dancing", "Distant", "Drowsy",
    "Eager", "Emerald", "Empty", "Fallen", "Gentle", "Gilded", "Golden", "Green", "Hidden", "Hollow", "Humble", "Ivory",
    "Jolly", "Laughing", "Lonely", "Lucky", "Merry", "Misty", "Painted", "Patient", "Quiet", "Red", "Rusty", "Salty",
    "Scarlet", "Silent", "Silver", "Singing", "Sleepy", "Smiling", "Spotted", "Stone", "Stormy", "Sunken", "Velvet",
    "Wandering", "White", "Wild", "Winter",
)  # fmt: skip
_NOUNS = (
    "Acorn", "Anchor", "Apple", "Badger", "Barrel", "Bell", "Bicycle", "Bridge", "Candle", "Cedar", "Clover", "Compass",
    "Crane", "Crown", "Falcon", "Feather", "Fern", "Fiddle", "Fox", "Garden", "Goose", "Hare", "Harbour", "Harp",
    "Heron", "Kettle", "Key", "Kite", "Lantern", "Lark", "Lemon", "Lighthouse", "Lion", "Maple", "Mill", "Moon",
    "Needle", "Oak", "Orchard", "Otter", "Owl", "Pear", "Pine", "Plough", "Raven", "River", "Rose", "Sailor", "Sparrow",
    "Spoon", "Swan", "Teapot", "Thistle", "Tiger", "Wagon", "Whale", "Willow", "Window",
)  # fmt: skip
_FORMS = {
    "company": ("{w}", "{w} Systems", "{w} Industries", "{w} & {w}", "{w} Logistics", "{w} Energy", "{w} Holdings",
                "{w}tech", "{w} Labs", "{n} Insurance", "{w} Foods", "{a} {n} Group"),
    "bank": ("{w} Bank", "Bank of {w}", "{w} Savings Bank", "{w} Credit Union", "{n} Bank", "{w} Direct", "{w}Pay"),
    "shop": ("{w} Books", "{w}'s Hardware", "The {a} {n}", "{w} Outdoor", "{w} Garden Centre", "{w} Furniture",
             "{w} Cycles", "{a} {n} Toys", "{w} Market", "{n} & {n}", "{w} Shoes"),
    "restaurant": ("The {a} {n}", "Café {w}", "Trattoria {w}", "{w}'s Diner", "Bistro {w}", "{w} Grill", "{n} Kitchen"),
    "clinic": ("{w} Clinic", "{w} Medical Centre", "{w} Dental Practice", "{w} Hospital", "{w} Eye Clinic",
               "{w} Health Centre", "{w} Veterinary Practice", "{a} {n} Clinic"),
    "school": ("{w} Primary School", "{w} High School", "{w} College", "{w} Academy", "{w} Music School",
               "{n} School", "University of {w}", "{w} Language School"),
    "hotel": ("Hotel {w}", "{w} Inn", "The {a} {n} Hotel", "{w} Hostel", "{w} Lodge", "{w} Palace", "{n} Resort"),
    "gym": ("{w} Gym", "{w} Fitness", "{w} Climbing Hall", "{w} Leisure Centre", "{w} Yoga Studio", "{w} Pool",
            "{a} {n} Gym", "{w} Tennis Club"),
    "museum": ("{w} Museum", "{w} Gallery", "the {w} Museum of Glass", "{w} House", "{w} Castle", "the {n} Museum",
               "{w} Zoo", "{w} Science Centre"),
    "library": ("{w} Library", "{w} City Library", "{w} Public Library", "the {w} Archive", "{n} Street Library"),
    "app": ("{w}ly", "{w}Desk", "{w}Sync", "{n}Board", "{w} Notes", "{w}Mail", "{a}{n}", "{w} CRM", "{n}Base",
            "{w}DB", "{w}Chat", "{w} Studio", "{n}Flow"),
    "device": ("{w} {x}", "the {w} router", "{w} Pro", "{w} {x} printer", "the {w} dishwasher", "{w} Mini",
               "the {n} {x}", "{w} camera", "the {w} {x} heat pump", "{w} e-bike", "the {w} thermostat"),
    "medicine": ("{w}ol", "{w}ine", "{w}afen", "{w}ex", "{w}ium", "{w}amil", "{w}oxin", "{w} drops", "{w} syrup"),
    "carrier": ("{w} Air", "Air {w}", "{w} Rail", "{w} Ferries", "{w} Coaches", "{w} Airways", "{w} Express"),
    "person": ("{f} {w}", "{f} {w}", "{f} {w}", "{f} {f} {w}", "{f} {w}-{w}"),
    "town": ("{w}", "{w}", "{w}", "Lower {w}", "{w}-on-Sea", "Port {w}", "{w} Heights"),
    "event": ("the {w} Festival", "the {w} Marathon", "{n}Con", "the {w} Fair", "the {w} Summit", "{w} Open Air",
              "the {a} {n} Cup"),
    "book": ("The {a} {n}", "{w}", "The {n} of {w}", "A {n} for {f}", "{n} and {n}", "The {w} Letters"),
    "street": ("{w} Street", "{w} Road", "{n} Lane", "{w} Avenue"),
    "project": ("Project {n}", "{w}", "the {n} project", "the {w} migration"),
    "pet": ("{n}", "{w}", "{f}"),
}  # fmt: skip
TYPES = tuple(_FORMS)


def name(kind: str, rng: random.Random) -> str:
    """A new name of a type of thing, one of `TYPES`; each has well over 20,000."""
    form = rng.choice(_FORMS[kind])
    while "{" in form:
        for slot, made in _PARTS.items():
            form = form.replace(slot, made(rng), 1)
    if kind == "medicine":
        form = form.replace("aol", "ol").replace("eex", "ex")
    return form


def word(rng: random.Random) -> str:
    """A capitalised word of two or three syllables that can be spoken."""
    return rng.choice(_ONSETS) + rng.choice(_MIDDLES) + rng.choice(_ENDS)


def first_name(rng: random.Random) -> str:
    """A first name."""
    return rng.choice(FIRST_NAMES)


def _model(rng: random.Random) -> str:
    return f"{rng.choice('ABDEGHKLMQRSTVXZ')}{rng.choice(('', '-'))}{rng.choice((5, 10, 20, 30, 50, 100, 200, 300))}"


_PARTS = {
    "{w}": word,
    "{f}": first_name,
    "{a}": lambda rng: rng.choice(_ADJECTIVES),
    "{n}": lambda rng: rng.choice(_NOUNS),
    "{x}": _model,
}
