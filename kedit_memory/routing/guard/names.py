"""How units, months and weekdays are called, in several languages: names from CLDR, abbreviations as people write them.

The tables are made when the first text is read; see the Unicode Common Locale Data Repository, by way of Babel.
"""

from fractions import Fraction
from functools import cache

from babel import Locale
from babel.units import format_unit

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "ru")
_COUNTS = (1.0, 2.0)  # numbers that between them need every plural form
_MORE_COUNTS = {"ru": (5.0, 1.5)}
_MONTHS_A_YEAR = 12

# CLDR's name of a unit: how many of the base of its kind it is. Months have no whole number of days, so they and years
# are a kind of their own.
_UNITS: dict[str, dict[str, str]] = {
    "mass": {
        "mass-microgram": "0.000001",
        "mass-milligram": "0.001",
        "mass-gram": "1",
        "mass-kilogram": "1000",
        "mass-tonne": "1000000",
        "mass-ounce": "28.349523125",
        "mass-pound": "453.59237",
        "mass-stone": "6350.29318",
        "mass-carat": "0.2",
    },
    "length": {
        "length-millimeter": "0.001",
        "length-centimeter": "0.01",
        "length-meter": "1",
        "length-kilometer": "1000",
        "length-inch": "0.0254",
        "length-foot": "0.3048",
        "length-yard": "0.9144",
        "length-mile": "1609.344",
        "length-nautical-mile": "1852",
    },
    "area": {
        "area-square-centimeter": "0.0001",
        "area-square-meter": "1",
        "area-hectare": "10000",
        "area-square-kilometer": "1000000",
        "area-square-foot": "0.09290304",
        "area-square-mile": "2589988.110336",
        "area-acre": "4046.8564224",
    },
    "volume": {
        "volume-milliliter": "0.001",
        "volume-centiliter": "0.01",
        "volume-deciliter": "0.1",
        "volume-liter": "1",
        "volume-cubic-meter": "1000",
        "volume-gallon": "3.785411784",
        "volume-cup": "0.2365882365",
        "volume-tablespoon": "0.01478676478125",
        "volume-teaspoon": "0.00492892159375",
    },
    "duration": {
        "duration-millisecond": "0.001",
        "duration-second": "1",
        "duration-minute": "60",
        "duration-hour": "3600",
        "duration-day": "86400",
        "duration-week": "604800",
    },
    "months": {"duration-month": "1", "duration-year": "12", "duration-decade": "120"},
    "speed": {
        "speed-meter-per-second": "3.6",
        "speed-kilometer-per-hour": "1",
        "speed-mile-per-hour": "1.609344",
        "speed-knot": "1.852",
    },
    "size": {
        "digital-bit": "0.125",
        "digital-byte": "1",
        "digital-kilobyte": "1000",
        "digital-megabyte": "1000000",
        "digital-gigabyte": "1000000000",
        "digital-terabyte": "1000000000000",
        "digital-petabyte": "1000000000000000",
    },
    "energy": {"energy-joule": "1", "energy-kilojoule": "1000", "energy-kilowatt-hour": "3600000"},
    "food energy": {"energy-kilocalorie": "1", "energy-foodcalorie": "1"},
    "power": {"power-watt": "1", "power-kilowatt": "1000", "power-megawatt": "1000000", "power-gigawatt": "1000000000"},
    "frequency": {
        "frequency-hertz": "1",
        "frequency-kilohertz": "1000",
        "frequency-megahertz": "1000000",
        "frequency-gigahertz": "1000000000",
    },
    "voltage": {"electric-volt": "1"},
    "current": {"electric-milliampere": "0.001", "electric-ampere": "1"},
    "pressure": {"pressure-millibar": "100", "pressure-bar": "100000", "pressure-hectopascal": "100"},
    "percent": {"concentr-percent": "1"},
    "celsius": {"temperature-celsius": "1"},
    "fahrenheit": {"temperature-fahrenheit": "1"},
    "kelvin": {"temperature-kelvin": "1"},
}
_SHORT = {
    "mass": "mcg=.000001 µg=.000001 mg=.001 g=1 kg=1000 kgs=1000 kilo=1000 kilos=1000 oz=28.349523125 lb=453.59237 "
    "lbs=453.59237 t=1000000 tonnes=1000000 кг=1000 г=1 公斤=1000 千克=1000 克=1 斤=500",
    "length": "mm=.001 cm=.01 m=1 km=1000 kms=1000 ft=.3048 feet=.3048 yd=.9144 yds=.9144 mi=1609.344 meter=1 "
    "metre=1 metres=1 kilometre=1000 kilometres=1000 centimetre=.01 centimetres=.01 millimetre=.001 millimetres=.001 "
    "км=1000 м=1 см=.01 公里=1000 千米=1000 米=1 厘米=.01",
    "area": "m2=1 sqm=1 sq_m=1 km2=1000000 ha=10000 sqft=.09290304 sq_ft=.09290304",
    "volume": "ml=.001 cl=.01 dl=.1 l=1 litre=1 litres=1 m3=1000 tbsp=.01478676478125 tsp=.00492892159375 "
    "升=1 毫升=.001",
    "duration": "ms=.001 sec=1 secs=1 s=1 min=60 mins=60 h=3600 hr=3600 hrs=3600 天=86400 小时=3600 分钟=60 周=604800",
    "months": "yr=12 yrs=12 mo=1 mos=1 个月=1 岁=12",
    "speed": "mph=1.609344 kmh=1 kph=1 km/h=1 m/s=3.6",
    "size": "kb=1000 mb=1000000 gb=1000000000 tb=1000000000000 pb=1000000000000000 gig=1000000000 gigs=1000000000 "
    "gigabyte=1000000000",
    "energy": "kj=1000 kwh=3600000",
    "food energy": "kcal=1 kcals=1 cal=1",
    "power": "w=1 kw=1000 mw=1000000 gw=1000000000",
    "frequency": "hz=1 khz=1000 mhz=1000000 ghz=1000000000",
    "voltage": "v=1 volts=1",
    "current": "ma=.001 amp=1 amps=1",
    "percent": "%=1 pct=1 percentage=1 pc=1 percent=1",
    "celsius": "°c=1 ℃=1 c=1 celsius=1 centigrade=1 度=1",
    "fahrenheit": "°f=1 f=1 fahrenheit=1",
    "degrees": "°=1 degree=1 degrees=1 deg=1 grad=1",
}
CURRENCIES = {
    "USD": "$ us$ usd dollar dollars buck bucks 美元",
    "EUR": "€ eur euro euros евро 欧元",
    "GBP": "£ gbp quid pound pounds",
    "JPY": "¥ jpy yen",
    "CNY": "cny rmb yuan 元 人民币",
    "INR": "₹ inr rupee rupees rs",
    "CHF": "chf franken francs",
    "RUB": "₽ rub ruble rubles rouble roubles рубль рубля рублей",
    "KRW": "₩ krw won",
    "CAD": "cad ca$ c$",
    "AUD": "aud au$ a$",
    "SEK": "sek",
    "NOK": "nok",
    "DKK": "dkk",
    "PLN": "pln zloty",
}
_WEEKDAYS_MORE = "понедельникам вторникам средам четвергам пятницам субботам воскресеньям"
_CHINESE_WEEKDAYS = "一二三四五六日天"


@cache
def units() -> dict[str, tuple[str, Fraction]]:
    """The kind of each unit, by its names in small letters, and how many of the base of that kind it is."""
    named = {
        name: (kind, Fraction(size))
        for kind, units in _UNITS.items()
        for unit, size in units.items()
        for language in LANGUAGES
        for name in _unit_names(unit, language)
    }
    for kind, names in _SHORT.items():
        named |= {
            name.replace("_", " "): (kind, Fraction(size)) for name, size in (one.split("=") for one in names.split())
        }
    return named


@cache
def currencies() -> dict[str, str]:
    """The code of each currency, by its signs and names in small letters."""
    return {name: code for code, names in CURRENCIES.items() for name in names.split()}


@cache
def months() -> dict[str, int]:
    """Months, 1 to 12, by their names in small letters."""
    named: dict[str, int] = {}
    for language in LANGUAGES:
        for form in ("format", "stand-alone"):
            named |= {name.casefold(): month for month, name in Locale.parse(language).months[form]["wide"].items()}
    return named | {f"{number}月": number for number in range(1, _MONTHS_A_YEAR + 1)}


@cache
def weekdays() -> dict[str, int]:
    """Weekdays, Monday is 0, by their names in small letters; English plurals, too."""
    named: dict[str, int] = {}
    for language in LANGUAGES:
        for form in ("format", "stand-alone"):
            named |= {name.casefold(): day for day, name in Locale.parse(language).days[form]["wide"].items()}
    named |= {f"{name}s": day for name, day in list(named.items()) if name.isascii() and not name.endswith("s")}
    named |= {name: day for day, name in enumerate(_WEEKDAYS_MORE.split())}
    for week in ("星期", "周", "礼拜"):
        named |= {week + name: min(day, 6) for day, name in enumerate(_CHINESE_WEEKDAYS)}
    return named


def _unit_names(unit: str, language: str) -> set[str]:
    """What follows a number of units, in the long form."""
    said = (
        format_unit(count, unit, length="long", format="0.#", locale=language)
        for count in (*_COUNTS, *_MORE_COUNTS.get(language, ()))
    )
    names = {text.lstrip("0123456789,. \u00a0\u202f").casefold() for text in said if text[:1].isdigit()}
    return names | {f"{name}n" for name in names if language == "de"}  # the dative: "in zehn Tagen"
