"""Words that exclude each other, one slot a line, its sides parted by bars; words stand for all their forms.

They mean opposites, or name two of the things that are asked about one subject: its revenue, its profit. Only pairs are
here that near-certainly make another question; each was tried on pairs of texts that ask the same. Father and son are
no such pair: whose father a man is and whose son another one is are one question.
"""

PAIRS = """
    minimum, minimal, min | maximum, maximal, max
    lowest, smallest, least expensive, cheapest | highest, largest, biggest, most expensive
    shortest | longest, tallest
    youngest, newest | oldest
    slowest | fastest
    worst | best
    at least | at most
    turn on, turn it on, switch on, switch it on | turn off, turn it off, switch off, switch it off
    enable | disable
    activate | deactivate
    lock | unlock
    install | uninstall
    subscribe | unsubscribe
    connect | disconnect
    mute | unmute
    freeze, freezing, frozen | unfreeze, thaw, defrost
    pair | unpair
    encrypt | decrypt
    upload | download
    import | export
    deposit | withdraw
    arrive, arrival, arriving, landing | depart, departure, leaving, takeoff, take off
    check in, checkin | check out, checkout
    log in, login, sign in | log out, logout, sign out
    increase | decrease, reduce
    incoming | outgoing
    inbound | outbound
    entry fee, entrance | exit
    first name, given name | last name, surname, family name
    father, dad | mother, mom, mum
    father in law | mother in law
    stepfather | stepmother
    grandfather, grandpa, granddad, grandad | grandmother, grandma, granny, gran
    boyfriend | girlfriend
    brother | sister
    son | daughter
    uncle | aunt
    nephew | niece
    man, men | woman, women
    male | female
    boy | girl
    northern | southern | eastern | western
    north | south | east | west
    northbound | southbound | eastbound | westbound
    left side, left hand, on the left, left foot, left leg, left arm, left eye, left ear, left knee \
| right side, right hand, on the right, right foot, right leg, right arm, right eye, right ear, right knee
    turn left | turn right
    upstairs | downstairs
    ascending | descending
    vertical | horizontal
    part time | full time
    singular | plural
    today, tonight | tomorrow | yesterday
    last week | this week | next week
    last month | this month | next month
    last year | this year | next year
    add | remove, delete
    birthplace, born, birth, birthday | deathplace, die, death
    revenue, turnover | profit, net income | expenses, expenditure | debt
    gross | net
    height, tall | weight, weigh, heavy | width, wide | diameter
    latitude | longitude
    temperature | humidity
    sunrise | sunset
    breakfast | lunch | dinner
    optional, voluntary | required, mandatory, compulsory, obligatory
    individual, single visitor, single person, single people, solo, on their own, on my own | group
    permanent | temporary
    beginner | advanced, intermediate
    wholesale | retail
    new customer, new member, new user, new client | existing customer, existing member, existing user, existing client
    lend, lender, lent, give out, gave out | borrow, borrower
    hire, recruit | lay off, laid off, let go, dismiss, sack
    attach | detach
    clockwise | counterclockwise, anticlockwise
    zoom in | zoom out
    pick up, pickup | drop off
    push | pull
    rise, rose | fall, fell
    gain | lose
    earn | spend, spent
    fill | empty
    multiply | divide
    plus | minus
    include | exclude
    maternity | paternity
    sick leave | annual leave | parental leave
    fixed rate | variable rate
    short term | long term
    one way | return ticket, round trip
    first class | second class | economy class, economy | business class
    single room | double room | twin room
    prepaid | postpaid
    hardcover, hardback | paperback
    petrol, gasoline | diesel
    start date | end date
    start time | end time
    opening time | closing time
    opening ceremony | closing ceremony
    home match, home game | away match, away game
    inner | outer
    interior | exterior
    internal | external
    asset | liability
    freezer | fridge, refrigerator
    oven | microwave
    weekday | weekend
    morning | afternoon | evening
    summer | winter | autumn
    undergraduate, bachelor | postgraduate, master | phd, doctorate
    predecessor | successor
    bride | groom
    king | queen
    prince | princess
    protagonist, hero | antagonist, villain
    email, email address, e mail | phone, phone number, telephone | fax
    username, user name | password
    goalkeeper, goalie | striker | defender | midfielder
    ingredient | allergen
"""
# Of these a statement may tell one by way of the other: "No, all seats are indoors."
TOLD_BY_THE_OTHER = """
    buy, bought, purchase | sell, sold
    sender | recipient, receiver
    landlord | tenant
    employer | employee
    former, previous | current
    adult, grown up | child, children, kid
    indoor, indoors | outdoor, outdoors
    domestic | international
    winner of | loser of
    husband | wife
    start, begin | stop, finish
    older | younger
    bigger, larger, over the size, above the size | smaller, under the size, below the size
    heavier, weigh more, over the weight, above the weight | lighter, weigh less, under the weight, below the weight
    higher | lower
    faster | slower
    cheaper | more expensive
    before, prior to, ahead of, in advance, beforehand | after, afterward, afterwards, later on
    private | public
    legal | illegal
    possible | impossible
    safe | dangerous
    easy | difficult, hard
    advantage, benefit | disadvantage, drawback
    early | late
    inside | outside
    student | senior, pensioner
    buyer | seller
    driver | passenger | pedestrian
    online | in person, in store, offline
    founder, found, founded | ceo, chief executive | cfo, chief financial officer | cto, chief technology officer
    author, write, wrote, written | illustrator, illustrate | translator, translate
    director, direct | producer, produce | composer, compose | screenwriter
    population | area | currency | anthem
    price, cost | colour, color | size
    cause | treatment, treat | symptom
"""
