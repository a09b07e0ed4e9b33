"""Values as they are read from texts: each line of the table is a text and what it names, kind by kind."""

import pytest

from kedit_memory.routing.guard.values import values_in

# "kind reading/reading" for a value, "kind low..high" for a range; several are separated by semicolons.
READ = """
the dose for a child of ten kilograms = mass 10000
the dose for 10kg = mass 10000
10,000 g of flour = mass 10000
half a kilo of rice = mass 500
0.5 kg of rice = mass 500
two and a half pounds of butter = money GBP 5/2; mass 45359237/40000
12 ounces of gold = mass 136077711/400000
5 mg of it = mass 1/200
a 20-kilo bag = mass 20000
a twenty kilo bag = mass 20000
15 metric tons of sand = mass 15000000
100 metres away = length 100
two miles from here = length 402336/125
5 feet 10 inches tall = length 889/500
I am 5'10" tall = length 889/500
50 sq ft = area 145161/31250
120 square meters = area 120
half a litre = volume 1/2
250 ml of milk = volume 1/4
25 degrees outside = temperature 25
77 °F outside = temperature 25
25 degrees Celsius = temperature 25
300 kelvin = temperature 537/20
a file of 2 GB = size 2000000000
a file of 2000 megabytes = size 2000000000
100 mph = speed 100584/625
60 km/h = speed 60
230 volts = voltage 230
5 kW = power 5000
300 kcal a day = food energy 300
25 percent = percent 25
25% = percent 25
twenty-five per cent = percent 25
2.5 % = percent 5/2
$20 = money USD 20
$1,299.50 = money USD 2599/2
20 dollars = money USD 20
US$5 million = money USD 5000000
1.5 million dollars = money USD 1500000
€ 30 = money EUR 30
thirty euros = money EUR 30
Rs. 500 = money INR 500
£7.20 = money GBP 36/5
two weeks = duration 1209600
14 days = duration 1209600
one hour = duration 3600
an hour and a half = duration 5400
90 minutes = duration 5400
1 hour 30 minutes = duration 5400
a 3-day trial = duration 259200
a three-day trial = duration 259200
thirty seconds = duration 30
a delay of 30 seconds = duration 30
12 months = months 12
one year = months 12
18 years old = months 216
an 18-year-old = months 216
a dozen eggs = number of egg 12
half a dozen eggs = number of egg 6
three guests = number of guest 3
3 guests = number of guest 3
a hundred people = number of people 100
two thousand people = number of people 2000
2,000 people = number of people 2000
5 thousand people = number of people 5000
10k followers = number of follower 10000
twenty-one = number 21
one hundred and five = number 105
2/3 of it = number 2/3
two thirds of it = number 2/3
at most 3 guests = number of guest -inf..3
over 10 kg = mass 10000..inf
more than ten kilograms = mass 10000..inf
under 18 = number -inf..18
at least 5 years = months 60..inf
up to 30 days = duration -inf..2592000
18 or older = number 18..inf
from 5 minutes to 1 hour = duration 300..3600
between 10 and 20 kg = mass 10000..20000
10-20 kg = mass 10000..20000
10 to 20 kg = mass 10000..20000
10 kg to 20 kg = mass 10000..20000
3 May 2024 = day 3; month 5; year 2024
May 3, 2024 = day 3; month 5; year 2024
May 3rd = day 3; month 5
the 3rd of May = day 3; month 5
the third of May = day 3; month 5
2024-05-03 = day 3; month 5; year 2024
3.5.2024 = day 3; month 5; year 2024
05/13/2024 = day 13; month 5; year 2024
3/5/2024 = date 3/5; year 2024
Jan 5 = day 5; month 1
in May = month 5
in May 2024 = month 5; year 2024
every January = month 1
since 1999 = year 1999..inf
prior to 1999 = year -inf..1999
in 1999 = year 1999
the 2020 election = year 2020
from 1998 to 2001 = year 1998..2001
between 1998 and 2001 = year 1998..2001
1998-2001 = year 1998..2001
in the 1990s = year 1990..1999
the '80s = year 1980..1989
the 19th century = year 1800..1900
the nineteenth century = year 1800..1900
nineteen eighty-four was = year 1984
44 BC = year -44
Q3 2020 = quarter 3; year 2020
the third quarter = quarter 3
in the summer = season 1
last winter = season 3
on Monday = weekday 0
Mondays = weekday 0
on Tue = weekday 1
on Sat = weekday 5
at the weekend = weekday 5; weekday 6
on weekdays = weekday 0; weekday 1; weekday 2; weekday 3; weekday 4
Monday to Wednesday = weekday 0; weekday 1; weekday 2
Mon-Wed = weekday 0; weekday 1; weekday 2
Friday through Sunday = weekday 4; weekday 5; weekday 6
at 9:30 = time 570/1290
at 9:30 pm = time 1290
at 9.30pm = time 1290
21:30 = time 1290
at 9 p.m. = time 1260
Is it open at 9? = time 540/1260
at nine o'clock = time 540/1260
half past nine = time 570/1290
a quarter to nine = time 525/1245
noon = time 720
midnight = time 0
the third floor = floor 3
floor 3 = floor 3
the 3rd floor = floor 3
room 12 = room 12
chapter one = chapter 1
week 7 = week 7
Phase III = phase 3
the second goal = ordinal goal 2
the 2nd goal = ordinal goal 2
the twenty-first attempt = ordinal attempt 21
version 2 = version 2
version 2.0 = version 2
v2.1.3 = version 2.1.3
release 2.1.3 = version 2.1.3
Kassbook 2 = kassbook number 2; named 2
the Kassbook 2.1 manual = kassbook number 2.1; named 2.1
World War II = war number 2
World War 2 = war number 2; named 2
Super Bowls XX and XXI = bowl number 20; bowl number 21
error E-404 = code E404
the norm ISO 9001 = code ISO9001
the norm EN1090 = code EN1090
vitamin B12 = code B12
the model GPT-4 = code GPT4
a 5G phone = code 5G
order #4711 = code 4711
order 4711-22 = code 471122
für 20 Kilogramm = mass 20000
für zwanzig Kilogramm = mass 20000
Wie wird es in einundzwanzig Tagen? = duration 1814400
am 3. Mai 2024 um 9 Uhr = day 3; month 5; year 2024; time 540/1260
1,5 Liter für die Suppe = volume 3/2
1.000 Euro für das Rad = money EUR 1000
Wer ist im dritten Stock? = ordinal 3
pour vingt kilos = mass 20000
le 3 mai 2024 = day 3; month 5; year 2024
mardi à 9h30 = weekday 1; time 570/1290
para veinte kilos = mass 20000
el 3 de mayo de 2024 = day 3; month 5; year 2024
los lunes = weekday 0
20 кг = mass 20000
3 мая 2024 года = day 3; month 5; year 2024
в понедельник = weekday 0
2024年5月3日 = day 3; month 5; year 2024
二十公斤 = mass 20000
星期三 = weekday 2
第三层 = ordinal 3
１０ｋｇ = mass 10000
٢٠ كتاب = number 20
"""
NO_VALUES = """
No one of the staff knows which one it is.
Is he the one who called?
First of all, how do I start?
Is the hotline open 24/7?
One of us will be there at first light.
May I ask for a second opinion?
Which two teams played?
Name three of them.
Wait a second, one by one please.
How do I march on, and can it wait until the sun is up?
Is one-way traffic allowed for third-party drivers?
How many million are there?
Was it the only one?
What is one's first name?
"""


def _lines(table: str) -> list[str]:
    return table.strip().splitlines()


def _shown(text: str) -> list[str]:
    return [
        f"{one.kind} {'/'.join(map(str, sorted(one.readings)) if one.readings else (f'{one.low}..{one.high}',))}"
        for one in values_in(text)
    ]


@pytest.mark.parametrize("line", _lines(READ))
def test_what_a_text_names_is_read(line: str) -> None:
    text, _, expected = line.rpartition(" = ")
    assert _shown(text) == expected.split("; ")


@pytest.mark.parametrize("text", _lines(NO_VALUES))
def test_a_word_that_only_sounds_like_a_number_is_no_value(text: str) -> None:
    assert _shown(text) == []


def test_a_number_in_the_name_of_the_subject_is_no_value() -> None:
    assert values_in("How long is the Boeing 747?", ("Boeing 747",)) == ()


def test_a_long_text_of_digits_is_read_in_time() -> None:
    assert values_in("1 " * 16_000)


def test_a_chinese_two_is_two():
    assert [one.text for one in values_in("两公斤面粉多少钱？")] == ["2公斤"]
    (twice,), (once,) = values_in("两千克"), values_in("2000克")
    assert twice.agrees(once)
