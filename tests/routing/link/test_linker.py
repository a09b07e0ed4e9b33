from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kedit_memory.routing.link import Linker, surfaces_of
from kedit_memory.text import fold
from kedit_memory.world import load_world

CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"


def linker(*names, **aliases):
    """Names that stand for themselves, and aliases as surface=name."""
    return Linker.of([(name, name) for name in names] + list(aliases.items()))


def names(found):
    return [mention.name for mention in found]


@pytest.fixture(scope="module")
def world_linker():
    world = load_world()
    return Linker.of(surfaces_of({name: entity.aliases for name, entity in world.entities.items()}))


@pytest.mark.parametrize("text", ["Who leads france?", "WHO LEADS FRANCE?", "France: who leads it?", "pre-France"])
def test_case_and_punctuation_do_not_hide_a_name(text):
    (mention,) = linker("France").link(text)
    assert mention.name == "France"
    assert not mention.fuzzy
    assert text[mention.start : mention.end] == mention.surface
    assert mention.surface.casefold() == "france"


@pytest.mark.parametrize(
    ("name", "text", "surface"),
    [
        ("São Tomé", "Where is sao tome?", "sao tome"),
        ("Sao Tome", "Où est São Tomé, au juste ?", "São Tomé"),
        ("Pelé", f"Was Pele\N{COMBINING ACUTE ACCENT}{CURLY}s club old?", "Pele\N{COMBINING ACUTE ACCENT}"),
        ("Straße", "Die STRASSE dort", "STRASSE"),
        ("STRASSE", "weiß ist die Straße nicht", "Straße"),
        ("Øresund", "the Oresund bridge", "Oresund"),
        ("Đakovo", "in ĐAKOVO now", "ĐAKOVO"),
        ("Æthelred", "king Aethelred the Unready", "Aethelred"),
        ("Istanbul", "İSTANBUL is large", "İSTANBUL"),
        ("Ångström", "the unit of A\N{COMBINING RING ABOVE}ngstro\N{COMBINING DIAERESIS}m, then",
         "A\N{COMBINING RING ABOVE}ngstro\N{COMBINING DIAERESIS}m"),
        ("New York", "in New\N{NO-BREAK SPACE}York", "New\N{NO-BREAK SPACE}York"),
        ("New York", "in New \n York", "New \n York"),
    ],
)  # fmt: skip
def test_accents_are_folded_and_offsets_stay_those_of_the_text(name, text, surface):
    (mention,) = linker(name).link(text, fuzzy=False)
    assert mention.surface == surface
    assert text[mention.start : mention.end] == surface


def test_the_longest_name_wins_wherever_it_starts():
    known = linker("New York", "New York City", "York", "City of London", "York City")
    assert names(known.link("Is New York City larger than York?")) == ["New York City", "York"]
    assert names(known.link("the New York City of London")) == ["New York", "City of London"]


def test_a_name_is_found_within_a_longer_one_that_nobody_knows():
    assert names(linker("New York").link("Who runs New York City?")) == ["New York"]


def test_overlapping_names_never_share_a_character():
    known = linker("Ann Lee", "Lee Vale", "Vale Row North")
    found = known.link("Ann Lee Vale Row North")
    assert names(found) == ["Ann Lee", "Vale Row North"]
    assert all(first.end <= second.start for first, second in pairwise(found))


@pytest.mark.parametrize("text", ["Romeo", "Chrome", "Rome2Rio", "xRome", "Romë"])
def test_a_name_ends_where_its_word_ends(text):
    found = linker("Rome").link(text, fuzzy=False)
    assert names(found) == (["Rome"] if text == "Romë" else [])


def test_signs_at_the_edge_of_a_name_belong_to_it():
    known = linker("C", "C++", "C#", "E.T.")
    assert names(known.link("Is C++ older than C# or C?")) == ["C++", "C#", "C"]
    assert names(known.link("Who directed E.T.?")) == ["E.T."]


@pytest.mark.parametrize("apostrophe", ["'", CURLY, "\N{LEFT SINGLE QUOTATION MARK}", "\N{MODIFIER LETTER APOSTROPHE}"])
def test_all_apostrophes_are_one(apostrophe):
    known = linker("Xi'an", f"O{CURLY}Brien", "Newton")
    assert names(known.link(f"Is Xi{apostrophe}an in China?")) == ["Xi'an"]
    assert names(known.link(f"o{apostrophe}brien")) == [f"O{CURLY}Brien"]
    (mention,) = known.link(f"What is Newton{apostrophe}s first law?")
    assert mention.surface == "Newton"


def test_all_hyphens_are_one():
    (mention,) = linker("Saint-Denis").link("Where is Saint\N{NON-BREAKING HYPHEN}Denis?")
    assert mention.name == "Saint-Denis"


def test_a_surface_of_two_names_gives_both_at_one_place():
    known = Linker.of([("Springfield", "Springfield, Ohio"), ("springfield", "Springfield, Illinois")])
    first, second = known.link("Where is Springfield?")
    assert {first.name, second.name} == {"Springfield, Ohio", "Springfield, Illinois"}
    assert (first.start, first.end) == (second.start, second.end) == (9, 20)


@pytest.mark.parametrize("text", ["", "   ", "?", "\N{COMBINING ACUTE ACCENT}"])
def test_nothing_is_found_in_nothing(text):
    assert linker("Rome").link(text) == ()
    assert Linker.of([("", "x"), (" ", "y")]).link("Who is it?") == ()


# Fuzzy: only where no exact name is found, never for short words.


@pytest.mark.parametrize(
    ("text", "name", "surface"),
    [
        ("Where was Albert Einstien born?", "Albert Einstein", "Albert Einstien"),
        ("What was Albert Einstien's field?", "Albert Einstein", "Albert Einstien"),
        ("The teacher of Albert Einstien.", "Albert Einstein", "Albert Einstien"),
        ("where is phillippines", "Philippines", "phillippines"),
        ("Müncchen was founded in", "München", "Müncchen"),
    ],
)
def test_a_misspelt_name_is_found_when_nothing_else_is(text, name, surface):
    (mention,) = linker("Albert Einstein", "Philippines", "München").link(text)
    assert mention.fuzzy
    assert (mention.name, mention.surface) == (name, surface)
    assert text[mention.start : mention.end] == surface


def test_fuzzy_is_a_fallback_only():
    known = linker("Albert Einstein", "Ulm")
    assert names(known.link("Was Albert Einstien born in Ulm?")) == ["Ulm"]
    assert known.link("Was Albert Einstien born?", fuzzy=False) == ()


@pytest.mark.parametrize("text", ["Whose are the Peruz?", "Is it Omani?", "Whose is Irans?", "Is Cuban food good?"])
def test_short_names_are_never_guessed(text):
    assert linker("Peru", "Oman", "Iran", "Cuba").link(text) == ()


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ("Apollo 11", "Who flew on Apollo 12?"),
        ("World War II", "When did World War I end?"),
        ("Elizabeth II", "Who was Elizabeth I?"),
    ],
)
def test_another_number_is_no_spelling_mistake(known, text):
    assert linker(known).link(text) == ()


def test_words_in_small_letters_are_no_misspelt_names_where_names_have_capitals():
    known = linker("Banksy", "The World's End", "Persona")
    assert known.link("Which person of the banks in the world end is Zorvex?") == ()


# Ordinary words that are names too.


@pytest.mark.parametrize(
    "text",
    [
        "What is the main ingredient of an omelette?",
        "Don't you know who we are?",
        "An animal is what?",
        "Tell us which car the lead actor ran over.",
        "You're where?",
        "Which Island is the largest?",
    ],
)
def test_ordinary_words_are_no_names(text, world_linker):
    assert world_linker.link(text) == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Where does the Main flow?", "Main"),
        ("What is the capital of the US?", "United States"),
        ("Who wrote We?", "We"),
        ("Main is a river that ends in", "Main"),
        ("US", "United States"),
        ("An", "Anu"),
        ("Reading is located in", "Reading"),
    ],
)
def test_ordinary_words_spelt_as_names_are_names(text, name, world_linker):
    assert names(world_linker.link(text)) == [name]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Who directed Life?", ["Life"]),
        ("What is the meaning of life?", []),
        ("who directed life?", []),
        ('who plays the lead in "Life"?', ["Life"]),
        ("Wer spielt in \u201eLife\u201c?", ["Life"]),
        ("Who wrote Life of Pi?", []),
        ("Is Real Life a film?", []),
        ("Where was Life, a film of Ann Berg, made?", ["Life"]),
        ("Life, by Ann Berg, is what?", ["Life"]),
        ("Was it late?", []),
        ("Was Ann there?", []),
        ("Who sings Was?", ["Was"]),
        ("It is late", []),
        ("Who wrote It in 1986?", ["It"]),
        ("Who is in It?", ["It"]),
        ("Is It old? It is.", ["It"]),
    ],
)
def test_ordinary_words_need_their_context(text, found):
    read = linker("Life", "Was", "It").read(text)
    assert names(read.mentions) == found
    assert found or read.doubtful is None or not {"Life", "Was", "It"}.isdisjoint(names(read.doubtful.mentions))


def test_what_is_part_of_a_known_longer_name_is_not_doubtful():
    read = linker("Life", "Life of Pi").read("Who wrote Life of Pi?")
    assert names(read.mentions) == ["Life of Pi"]
    assert read.doubtful is None


@pytest.mark.parametrize(
    "text",
    ["They met Ann Lee. Kyle Farrnsworth is known for what?", "Of Peru, Kyle Farrnsworth and Bo, who is old?"],
)
def test_a_capital_behind_a_mark_is_no_part_of_a_misspelt_name(text):
    (mention,) = linker("Kyle Farnsworth").link(text)
    assert (mention.name, mention.surface) == ("Kyle Farnsworth", "Kyle Farrnsworth")


def test_every_name_of_the_world_is_found_by_itself_and_in_a_question(world_linker):
    for entity in load_world().entities.values():
        for surface in (entity.name, *entity.aliases):
            for text in (surface, f"What about {surface}, then?"):
                found = world_linker.link(text, fuzzy=False)
                assert any(m.name == entity.name and m.surface == surface for m in found), text


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(
    name=texts, before=st.sampled_from(["Who is ", "« ", "(", "the "]), after=st.sampled_from(["?", "", " now", ", "])
)
def test_any_name_is_found_in_a_sentence_around_it(name, before, after):
    assume(fold(name).strip())
    text = before + name + after
    found = linker(name).link(text, fuzzy=False)
    assert found
    for mention in found:
        assert mention.name == name
        assert text[mention.start : mention.end] == mention.surface
        assert fold(mention.surface).strip() == fold(name).strip()


@given(st.lists(texts, max_size=6), texts)
def test_mentions_are_ordered_disjoint_slices(known, text):
    for fuzzy in (False, True):
        places = {(m.start, m.end) for m in linker(*known).link(text, fuzzy=fuzzy)}
        ordered = sorted(places)
        assert all(0 <= start < end <= len(text) for start, end in ordered)
        assert all(a[1] <= b[0] for a, b in pairwise(ordered))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Fictions", "How is crime fiction usually classed?"),  # an ordinary word in the singular
        ("Jaan Ehlvest", "Who is Juhan Ehlvest's father?"),  # two slips in one short word
        ("Anja Eline Skybakmoen", "What does Anja End Skybakmoen play?"),  # another word in the middle
        ("Andromeda", "Which family holds Inlet Andromedae?"),  # a capitalised word before
        ("Andromeda", "Which family holds Andromedae Tower?"),  # and one behind
    ],
)
def test_what_only_looks_like_a_name_is_not_taken_for_it_misspelt(name, text):
    assert linker(name).link(text) == ()


def test_a_title_with_an_article_may_also_be_what_the_word_says():
    names = linker("The Piano", "piano", "The Wire")
    mentions = names.link("Which family of instruments does the piano belong to?")
    assert [(mention.surface, mention.name) for mention in mentions] == [("the piano", "The Piano"), ("piano", "piano")]
    assert [mention.name for mention in names.link("Who made the wire?")] == ["The Wire"]
    assert [mention.name for mention in names.link("Who built this piano?")] == ["piano"]


@pytest.mark.parametrize(
    ("name", "text", "surface"),
    [
        ("Jacob Burckhardt", "Who was Jakob Burckhardt's father?", "Jakob Burckhardt"),
        ("Karl-Heinz Podzielny", "Where is Karlheinz Podzielny from?", "Karlheinz Podzielny"),
        ("Michael Jordan", "Is Micheal Jordan tall?", "Micheal Jordan"),  # the capital before opens the sentence
        ("Tchaikovsky", "I forgot. Tchaikowsky wrote what?", "Tchaikowsky"),
        ("Switzerland", "capital of switserland", "switserland"),
    ],
)
def test_a_slip_of_the_pen_is_forgiven(name, text, surface):
    (mention,) = linker(name).link(text)
    assert (mention.surface, mention.name, mention.fuzzy) == (surface, name, True)


def test_an_exact_name_gives_way_to_a_longer_misspelt_one_that_ends_with_it():
    known = linker("Republic of the Congo", "Democratic Republic of the Congo")
    (mention,) = known.link("What is the capital of the Democartic Republic of the Congo?")
    assert (mention.name, mention.surface) == ("Democratic Republic of the Congo", "Democartic Republic of the Congo")
    assert mention.fuzzy


@pytest.mark.parametrize(
    "text",
    [
        "Is the Republic of the Congo large?",
        "Is the People's Republic of the Congo large?",  # no slip of the pen away
        "Is the democartic Republic of the Congo large?",  # a word, where the writer uses capitals
        "Democratic: Republic of the Congo",
    ],
)
def test_an_exact_name_stays_where_no_longer_one_is_spelt_like_it(text):
    (mention,) = linker("Republic of the Congo", "Democratic Republic of the Congo").link(text)
    assert mention.name == "Republic of the Congo"
    assert not mention.fuzzy


@pytest.mark.parametrize(
    "text",
    [
        "Who runs the Marlow Foundation?",
        "In which year was Marlow Tower built?",
        "Is Marlow School's head still in office?",
        "Marlow Prize: who won it?",
    ],
)
def test_the_beginning_of_a_longer_name_is_not_that_name(text):
    assert not linker("Marlow").link(text)
    assert names(linker("Marlow", "Marlow Foundation", "Marlow Tower", "Marlow School", "Marlow Prize").link(text))


@pytest.mark.parametrize(
    "text",
    [
        "Who runs Marlow's foundation?",
        "Which school did Marlow attend?",
        "Marlow, Foundation Street: where is that?",
        "What does Marlow tower over?",
        "who runs the marlow foundation",
        "WHO RUNS MARLOW TOWER",
        "Is Marlow University old?",
    ],
)
def test_a_name_stands_before_other_words(text):
    assert names(linker("Marlow").link(text)) == ["Marlow"]


@pytest.mark.parametrize(
    ("name", "text", "surface"),
    [
        ("U.N.K.A.", "Who chairs UNKA?", "UNKA"),
        ("UNKA", "Who chairs U.N.K.A.?", "U.N.K.A."),
        ("UNKA", "Who leads the U.N.K.A", "U.N.K.A"),
        ("U.S. Bank", "Does US Bank lend to me?", "US Bank"),
        ("US Bank", "Does U.S. Bank lend to me?", "U.S. Bank"),
        ("A. B. Yates", "Who is A. B. Yates?", "A. B. Yates"),
    ],
)
def test_points_in_an_abbreviation_do_not_hide_a_name(name, text, surface):
    (found,) = Linker.of([(name, name)]).link(text)
    assert (found.name, found.surface, text[found.start : found.end]) == (name, surface, surface)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AM", "The bus leaves at 9 a.m. today."),
        ("I.T.", "It is late."),
        ("U.N.", "WHO CHAIRS UNKA? Is it an UNO?"),
        ("U.S.", "Who runs USA Today?"),
    ],
)
def test_other_letters_with_points_are_no_abbreviation_of_a_name(name, text):
    assert not Linker.of([(name, name)]).link(text, fuzzy=False)
