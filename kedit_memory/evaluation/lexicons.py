"""Words that take each other's place, by kind of contrast and by part, so that a test sees no pair that was trained on.

A group is written `buy,buys,bought | sell,sells,sold`: forms of one place stand for each other. Parts share no group,
except those few whose words are too few to be shared out (weekdays, months, modal verbs, before and after).
"""

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache

from kedit_memory.errors import UnknownNameError

PARTS = ("training", "calibration", "test")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
)  # fmt: skip
NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
COMMON_NAMES = (
    "Alice", "Amy", "Anna", "Anne", "Ben", "Bob", "Carol", "Charles", "Chris", "Daniel", "David", "Edward", "Emily",
    "Emma", "Frank", "George", "Hannah", "Harry", "Henry", "Jack", "James", "Jane", "Jennifer", "Jessica", "John",
    "Joseph", "Julia", "Kate", "Kevin", "Laura", "Linda", "Lisa", "Lucy", "Maria", "Mark", "Martin", "Mary", "Michael",
    "Paul", "Peter", "Richard", "Robert", "Sam", "Sarah", "Susan", "Thomas", "Tim", "Tom", "Walter", "William",
)  # fmt: skip

_PAIRS: Mapping[str, tuple[str, str, str]] = {
    "extreme": (
        """minimum | maximum; minimal | maximal; least | most; lowest | highest; smallest | largest | biggest
        first | last; shortest | longest; oldest | newest; earliest | latest; at least | at most; min | max""",
        "fewest | greatest; slowest | fastest; nearest | farthest; youngest | eldest; lower limit | upper limit",
        """cheapest | dearest | most expensive; lightest | heaviest; best | worst; narrowest | widest
        weakest | strongest; coldest | hottest; bottom | top; easiest | hardest; closest | furthest""",
    ),
    "comparison": (
        """more than | less than | exactly; longer than | shorter than; older than | younger than
        higher than | lower than; larger than | smaller than; or more | or less
        increase,increases | decrease,decreases""",
        "heavier than | lighter than; bigger than | tinier than; faster than | slower than; rise,rises | fall,falls",
        """greater than | fewer than; earlier than | later than; better than | worse than; warmer than | colder than
        taller than | smaller than; exceeds | falls short of; cheaper than | dearer than""",
    ),
    "switch": (
        """turn on,turns on,turned on,turning on | turn off,turns off,turned off,turning off
        switch on,switched on | switch off,switched off; lock,locks,locked,locking | unlock,unlocks,unlocked,unlocking
        enable,enables,enabled,enabling | disable,disables,disabled,disabling
        activate,activates,activated,activating | deactivate,deactivates,deactivated,deactivating
        visible | hidden; mute,mutes,muted,muting | unmute,unmutes,unmuted,unmuting""",
        """subscribe to | unsubscribe from; paired,pairing | unpaired,unpairing
        freeze,freezes,frozen,freezing | unfreeze,unfreezes,unfrozen,unfreezing""",
        """install,installs,installed,installing | uninstall,uninstalls,uninstalled,uninstalling
        connect,connects,connected,connecting | disconnect,disconnects,disconnected,disconnecting
        blocked,blocking | unblocked,unblocking; muted | audible
        pause,pauses,paused,pausing | resume,resumes,resumed,resuming; armed | disarmed
        archived,archiving | restored,restoring; plug in | unplug; lit | unlit""",
    ),
    "opening": (
        """open,opens,opened,opening | close,closes,closed,closing
        start,starts,started,starting | end,ends,ended,ending
        arrive,arrives,arrived,arriving | depart,departs,departed,departing
        buy,buys,bought,buying | sell,sells,sold,selling
        upload,uploads,uploaded,uploading | download,downloads,downloaded,downloading
        deposit,deposits,deposited,depositing | withdraw,withdraws,withdrew,withdrawing
        import,imports,imported,importing | export,exports,exported,exporting; check in | check out
        check-in | check-out
        send,sends,sent,sending | receive,receives,received,receiving
        enter,enters,entered,entering | leave,leaves,left,leaving
        add,adds,added,adding | remove,removes,removed,removing; begin,begins,began | finish,finishes,finished""",
        """hire,hires,hired,hiring | dismiss,dismisses,dismissed,dismissing; join,joins,joined | quit,quits,quit
        lend,lends,lent,lending | borrow,borrows,borrowed,borrowing; arrival,arrivals | departure,departures
        expand,expands,expanded | shrink,shrinks,shrank; landed | took off""",
        """log in,logs in,logged in | log out,logs out,logged out
        pick up,picks up,picked up | drop off,drops off,dropped off
        accept,accepts,accepted,accepting | reject,rejects,rejected,rejecting; win,wins,won | lose,loses,lost
        attach,attaches,attached | detach,detaches,detached; encrypt,encrypts,encrypted | decrypt,decrypts,decrypted
        load,loads,loaded,loading | unload,unloads,unloaded,unloading; push,pushes,pushed | pull,pulls,pulled
        entrance,entrances | exit,exits; purchase | sale; inbound | outbound; incoming | outgoing""",
    ),
    "order": (
        "before | after; previous | next; preceding | subsequent",
        "before | after; prior to | following",
        "before | after; preceded by | followed by; predecessor | successor; beforehand | afterwards",
    ),
    "relative": (
        """father | mother; son,sons | daughter,daughters; brother,brothers | sister,sisters; husband | wife
        uncle,uncles | aunt,aunts; boss | assistant; dad | mum; cousin | neighbour; boyfriend | girlfriend""",
        "nephew,nephews | niece,nieces; grandfather | grandmother; stepfather | stepmother; grandpa | grandma",
        """grandson,grandsons | granddaughter,granddaughters; father-in-law | mother-in-law; godfather | godmother
        brother-in-law | sister-in-law; king | queen; half-brother | half-sister; stepson | stepdaughter
        widow | widower; godson | goddaughter; fiancé | fiancée; teacher | pupil; mentor | trainee""",
    ),
    "owner": (
        """customer,customers | seller,sellers; tenant,tenants | landlord,landlords
        sender,senders | recipient,recipients
        student's | teacher's; driver,drivers | passenger,passengers; my | his | their | my brother's
        your | his | their""",
        "guest,guests | host,hosts; buyer,buyers | dealer,dealers; my | her | my son's; author's | editor's",
        """employer,employers | employee,employees; doctor's | patient's; lender,lenders | borrower,borrowers
        client,clients | supplier,suppliers; player,players | coach,coaches; our | their; your | your friend's
        parent,parents | pupil,pupils; contractor,contractors | architect,architects
        my | my partner's | my flatmate's""",
    ),
    "modality": (
        "can | must; may | must; should | must; must | may | should; allowed | required",
        "can | should; may | should; should | must; must | may; optional | required",
        """can | should; must | can; should | may; may | should; permitted | obliged; mandatory | recommended
        compulsory | voluntary; obligatory | advisable""",
    ),
    "attribute": (
        """price | weight | size | colour; height | length | width | depth; population | area; name | address
        phone number | email address | postal address; username | password; cost | duration; salary | job title
        how tall is,how tall are | how old is,how old are | how heavy is,how heavy are
        how long is,how long are | how wide is,how wide are | how deep is,how deep are; start date | end date
        rent | deposit
        capital | currency | language; ingredients | calories; age | height; serial number | order number""",
        """speed | range; voltage | wattage
        how big is,how big are | how loud is,how loud are; colour | shape; author | publisher; fee | deadline
        birthday | star sign; material | origin; shoe size | ring size""",
        """temperature | pressure; capacity | power; director | producer | composer; diameter | thickness
        budget | runtime; how fast is,how fast are | how expensive is,how expensive are; elevation | latitude
        brand | model; title | subtitle
        mass | volume; resolution | brightness; nickname | surname; salt | sugar; motto | anthem
        frequency | amplitude; vendor | warranty; postcode | area code""",
    ),
    "audience": (
        """adult,adults | child,children; students | seniors; business | private; men | women; members | non-members
        beginners | advanced learners; full-time | part-time; new customers | existing customers; cars | bicycles
        boys | girls; first-class | second-class; students | staff; companies | individuals; men's | women's""",
        """infants | teenagers; groups | individuals; temporary | permanent; pensioners | apprentices
        juniors | veterans""",
        """dogs | cats; teachers | pupils; residents | visitors; amateurs | professionals; drivers | cyclists
        volunteers | employees; citizens | foreigners; freelancers | contractors; patients | relatives
        trucks | motorcycles
        domestic | international; charities | corporations; puppies | kittens; wholesale | retail
        toddlers | schoolchildren""",
    ),
}  # fmt: skip

_SETS: Mapping[str, tuple[str, str, str]] = {
    "city": (
        """London Paris Berlin Madrid Rome Vienna Prague Warsaw Dublin Lisbon Athens Boston Chicago Seattle Denver
        Houston Toronto Sydney Melbourne Tokyo Delhi Mumbai Cairo Nairobi Hamburg Munich Leeds Manchester
        Barcelona Milan""",
        "Oslo Helsinki Zurich Geneva Lyon Porto Dallas Phoenix Montreal Perth Osaka Lagos Bristol Cologne Naples",
        """Stockholm Copenhagen Brussels Amsterdam Budapest Krakow Edinburgh Glasgow Cardiff Valencia Seville Turin
        Atlanta Miami Portland Vancouver Brisbane Auckland Kyoto Seoul Singapore Bangkok Manila Jakarta Lima Bogota
        Accra Tunis""",
    ),
    "country": (
        """Germany France Spain Italy Poland Austria Ireland Portugal Greece Canada Australia Japan India China Brazil
        Mexico Egypt Kenya Turkey Britain England America""",
        "Norway Finland Switzerland Argentina Nigeria Thailand Romania Scotland Chile",
        """Sweden Denmark Belgium Hungary Croatia Bulgaria Iceland Malta Vietnam Indonesia Malaysia Morocco Ghana Peru
        Colombia Uruguay Wales Estonia Latvia Slovenia""",
    ),
    "currency": (
        "euros dollars pounds",
        "yen francs",
        "kronor rupees pesos zloty won liras roubles",
    ),
    "currency_code": ("EUR USD GBP", "JPY CHF", "SEK INR MXN PLN KRW TRY NOK"),
    "currency_sign": ("$ € £", "¥", "₹ ₩ ₺"),
}

_UNITS: Mapping[str, tuple[str, str, str]] = {
    "time": ("seconds minutes hours days weeks months years", "fortnights decades", "quarters nights terms centuries"),
    "time_one": ("second minute hour day week month year", "fortnight decade", "quarter night term century"),
    "mass": ("kg g mg lb pounds kilos grams", "tonnes ounces", "stone oz micrograms carats"),
    "length": ("km miles m metres feet cm", "yards inches", "mm millimetres kilometres furlongs"),
    "volume": ("litres ml gallons cups", "pints millilitres", "barrels teaspoons cl quarts"),
    "data": ("GB MB TB", "KB PB", "gigabytes megabytes terabytes kilobytes"),
    "heat": ("°C °F", "degrees Celsius,degrees Fahrenheit", "kelvin °C"),
    "rate": ("per day,per week,per month,per year", "per hour,per quarter", "per night,per minute,per term"),
    "often": ("daily weekly monthly yearly", "hourly quarterly", "nightly fortnightly annually"),
}


def _part(part: str) -> int:
    if part not in PARTS:
        raise UnknownNameError("part", part, PARTS)
    return PARTS.index(part)


@cache
def groups(kind: str, part: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The groups of a kind: of each its members, of each member its forms; none where the kind has no such words.

    Raises:
        UnknownNameError: no such part.
    """
    place = _part(part)
    if kind not in _PAIRS:
        return ()
    lines = re.split(r"[;\n]", _PAIRS[kind][place])
    return tuple(
        tuple(tuple(form.strip() for form in member.split(",")) for member in line.split(" | "))
        for line in lines
        if line.strip()
    )


@cache
def telling() -> frozenset[str]:
    """Every word on which the meaning of a text may hang: those of all groups, units, numbers and ordinals."""
    texts = (form for kind in _PAIRS for part in PARTS for group in groups(kind, part) for one in group for form in one)
    counted = (unit for units_of in units().values() for unit in units_of)
    return frozenset(
        word for text in (*texts, *counted, *NUMBERS, *ORDINALS, *every("currency")) for word in text.split()
    )


@cache
def words(kind: str, part: str) -> tuple[str, ...]:
    """The words of a set of one part: cities, countries, currencies.

    Raises:
        UnknownNameError: no such part, or no such set.
    """
    if kind not in _SETS:
        raise UnknownNameError("set of words", kind, _SETS)
    return tuple(_SETS[kind][_part(part)].split())


@cache
def every(kind: str) -> tuple[str, ...]:
    """The words of a set, of all parts."""
    return tuple(dict.fromkeys(word for part in PARTS for word in words(kind, part)))


def units(part: str | None = None) -> Mapping[str, Sequence[str]]:
    """Units by what they measure, of one part or of all."""
    places = range(len(PARTS)) if part is None else (_part(part),)
    return {
        kind: tuple(dict.fromkeys(one for place in places for one in _listed(row[place])))
        for kind, row in _UNITS.items()
    }


def _listed(text: str) -> list[str]:
    return text.split(",") if "," in text else text.split()


def ordinal(number: int, rng: random.Random) -> str:
    """A number as an ordinal, in words or, at the generator's choice and beyond the twelfth, in digits."""
    return ORDINALS[number - 1] if number <= len(ORDINALS) and rng.random() < 0.6 else ordinal_in_digits(number)


def ordinal_in_digits(number: int) -> str:
    """A number as an ordinal: 1st, 22nd, 113th."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
