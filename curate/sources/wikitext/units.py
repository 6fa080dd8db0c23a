"""Units of measure as `{{convert}}` writes them: sign, names, size in the unit of their kind, what they become.

The factors are the definitions (international foot, avoirdupois pound, ...); what each becomes by default is what
Wikipedia's table says (Module:Convert).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """sign: as after a number; one, many: names; size: in the kind's unit; becomes: codes of what it is converted to,
    `a b` for both; offset: of its 0 from the kind's 0 (temperature)."""

    kind: str
    sign: str
    one: str
    many: str
    size: float
    becomes: str
    offset: float = 0.0


_TABLE = """
length
m|m|metre|metres|1|ft
km|km|kilometre|kilometres|1000|mi
cm|cm|centimetre|centimetres|0.01|in
mm|mm|millimetre|millimetres|0.001|in
dm|dm|decimetre|decimetres|0.1|in
um μm µm|μm|micrometre|micrometres|1e-6|in
nm|nm|nanometre|nanometres|1e-9|in
ft foot feet|ft|foot|feet|0.3048|m
in inch inches|in|inch|inches|0.0254|mm
yd yard yards|yd|yard|yards|0.9144|m
mi mile miles|mi|mile|miles|1609.344|km
nmi|nmi|nautical mile|nautical miles|1852|km mi
fathom ftm|fathom|fathom|fathoms|1.8288|ft m
furlong|furlong|furlong|furlongs|201.168|ft m
chain|chain|chain|chains|20.1168|ft m
hand|h|hand|hands|0.1016|in cm
ly|ly|light-year|light-years|9.4607304725808e15|pc
pc|pc|parsec|parsecs|3.0856775814913673e16|ly
AU au|AU|astronomical unit|astronomical units|149597870700|km mi
league|league|league|leagues|4828.032|km
verst|verst|verst|versts|1066.8|km mi
li|li|li|li|500|mi
mass
kg|kg|kilogram|kilograms|1|lb
g|g|gram|grams|0.001|oz
mg|mg|milligram|milligrams|1e-6|gr
t tonne MT|t|tonne|tonnes|1000|LT ST
kt kilotonne|kt|kilotonne|kilotonnes|1e6|LT ST
lb pound pounds lbs|lb|pound|pounds|0.45359237|kg
oz|oz|ounce|ounces|0.028349523125|g
ozt|ozt|troy ounce|troy ounces|0.0311034768|g
st stone|st|stone|stone|6.35029318|lb kg
LT long_ton LT|long ton|long ton|long tons|1016.0469088|t
ST short_ton ST|short ton|short ton|short tons|907.18474|t
cwt long_cwt|cwt|hundredweight|hundredweight|50.80234544|lb kg
gr|gr|grain|grains|0.00006479891|g
carat|carat|carat|carats|0.0002|g
area
m2 sqm|m²|square metre|square metres|1|sqft
km2 sqkm|km²|square kilometre|square kilometres|1e6|sqmi
cm2 sqcm|cm²|square centimetre|square centimetres|1e-4|sqin
mm2 sqmm|mm²|square millimetre|square millimetres|1e-6|sqin
ha hectare|ha|hectare|hectares|1e4|acre
acre acres|acres|acre|acres|4046.8564224|ha
sqft ft2 foot2|sq ft|square foot|square feet|0.09290304|m2
sqin in2|sq in|square inch|square inches|0.00064516|cm2
sqmi mi2|sq mi|square mile|square miles|2589988.110336|km2
sqyd yd2|sq yd|square yard|square yards|0.83612736|m2
sqnmi|sq nmi|square nautical mile|square nautical miles|3429904|km2 sqmi
dunam|dunam|dunam|dunams|1000|ha acre
volume
m3 cum|m³|cubic metre|cubic metres|1|cuft
km3|km³|cubic kilometre|cubic kilometres|1e9|cumi
cm3 cc|cm³|cubic centimetre|cubic centimetres|1e-6|cuin
L l|L|litre|litres|0.001|impgal USgal
dL dl|dL|decilitre|decilitres|1e-4|USfloz
cl cL|cL|centilitre|centilitres|1e-5|USfloz
mL ml|mL|millilitre|millilitres|1e-6|USfloz
hl hL|hL|hectolitre|hectolitres|0.1|USgal
cuft ft3|cu ft|cubic foot|cubic feet|0.028316846592|m3
cuin in3 cid|cu in|cubic inch|cubic inches|0.000016387064|L
cuyd yd3|cu yd|cubic yard|cubic yards|0.764554857984|m3
cumi mi3|cu mi|cubic mile|cubic miles|4168181825.440579584|km3
USgal usgal|US gal|US gallon|US gallons|0.003785411784|L impgal
impgal|imp gal|imperial gallon|imperial gallons|0.00454609|L USgal
USfloz USoz|US fl oz|US fluid ounce|US fluid ounces|0.0000295735295625|mL
impfloz|imp fl oz|imperial fluid ounce|imperial fluid ounces|0.0000284130625|mL
USpt|US pt|US pint|US pints|0.000473176473|L
imppt|imp pt|imperial pint|imperial pints|0.00056826125|L
USqt|US qt|US quart|US quarts|0.000946352946|L
oilbbl bbl|bbl|barrel|barrels|0.158987294928|m3
USbu|US bu|US bushel|US bushels|0.03523907016688|L
acre.ft acre·ft acre-ft|acre⋅ft|acre-foot|acre-feet|1233.48183754752|m3
speed
km/h kmh kph|km/h|kilometre per hour|kilometres per hour|0.2777777777777778|mph
m/s|m/s|metre per second|metres per second|1|ft/s
km/s|km/s|kilometre per second|kilometres per second|1000|mi/s
mph mi/h|mph|mile per hour|miles per hour|0.44704|km/h
ft/s|ft/s|foot per second|feet per second|0.3048|m/s
mi/s|mi/s|mile per second|miles per second|1609.344|km/s
kn knot|kn|knot|knots|0.5144444444444445|km/h mph
ft/min|ft/min|foot per minute|feet per minute|0.00508|m/s
power
W|W|watt|watts|1|hp
kW|kW|kilowatt|kilowatts|1000|hp
MW|MW|megawatt|megawatts|1e6|hp
GW|GW|gigawatt|gigawatts|1e9|hp
hp|hp|horsepower|horsepower|745.69987158227|kW
bhp|bhp|brake horsepower|brake horsepower|745.69987158227|kW
shp|shp|shaft horsepower|shaft horsepower|745.69987158227|kW
PS|PS|metric horsepower|metric horsepower|735.49875|kW
pressure
Pa|Pa|pascal|pascals|1|psi
hPa|hPa|hectopascal|hectopascals|100|inHg
kPa|kPa|kilopascal|kilopascals|1000|psi
MPa|MPa|megapascal|megapascals|1e6|psi
GPa|GPa|gigapascal|gigapascals|1e9|psi
bar|bar|bar|bar|1e5|psi
mbar|mbar|millibar|millibars|100|inHg
atm|atm|standard atmosphere|standard atmospheres|101325|kPa
psi|psi|pound per square inch|pounds per square inch|6894.757293168361|kPa
inHg|inHg|inch of mercury|inches of mercury|3386.388640341|kPa
mmHg|mmHg|millimetre of mercury|millimetres of mercury|133.322387415|kPa
torr|torr|torr|torr|133.32236842105|kPa
force
N|N|newton|newtons|1|lbf
kN|kN|kilonewton|kilonewtons|1000|lbf
MN|MN|meganewton|meganewtons|1e6|lbf
lbf|lbf|pound-force|pounds-force|4.4482216152605|N
kgf|kgf|kilogram-force|kilograms-force|9.80665|lbf
tf|tf|tonne-force|tonnes-force|9806.65|lbf
energy
J|J|joule|joules|1|ftlbf
kJ|kJ|kilojoule|kilojoules|1000|kcal
MJ|MJ|megajoule|megajoules|1e6|kWh
GJ|GJ|gigajoule|gigajoules|1e9|kWh
cal|cal|calorie|calories|4.184|J
kcal Cal|kcal|kilocalorie|kilocalories|4184|kJ
kWh|kWh|kilowatt-hour|kilowatt-hours|3.6e6|MJ
MWh|MWh|megawatt-hour|megawatt-hours|3.6e9|GJ
GWh|GWh|gigawatt-hour|gigawatt-hours|3.6e12|TJ
TJ|TJ|terajoule|terajoules|1e12|GWh
eV|eV|electronvolt|electronvolts|1.602176634e-19|J
BTU Btu|BTU|British thermal unit|British thermal units|1055.05585262|kJ
ftlbf|ft⋅lbf|foot-pound force|foot-pounds force|1.3558179483314004|J
tTNT|tonnes of TNT|tonne of TNT|tonnes of TNT|4.184e9|GJ
ktTNT|kt|kiloton of TNT|kilotons of TNT|4.184e12|TJ
torque
Nm N.m N·m|N⋅m|newton-metre|newton-metres|1|lbft
lbft lb.ft lb·ft lbfft|lb⋅ft|pound-foot|pound-feet|1.3558179483314004|Nm
density
kg/m3|kg/m³|kilogram per cubic metre|kilograms per cubic metre|1|lb/cuyd
g/cm3|g/cm³|gram per cubic centimetre|grams per cubic centimetre|1000|lb/cuin
lb/cuyd|lb/cu yd|pound per cubic yard|pounds per cubic yard|0.593276421257783|kg/m3
lb/cuin|lb/cu in|pound per cubic inch|pounds per cubic inch|27679.904710203125|g/cm3
lb/cuft|lb/cu ft|pound per cubic foot|pounds per cubic foot|16.018463373960142|kg/m3
people
PD/km2 /km2 PD/sqkm /sqkm|/km²|per square kilometre|per square kilometre|1e-6|/sqmi
PD/sqmi /sqmi PD/mi2 /mi2|/sq mi|per square mile|per square mile|3.861021585424458e-7|/km2
PD/ha|/ha|per hectare|per hectare|1e-4|PD/acre
PD/acre|/acre|per acre|per acre|0.0002471053814671653|PD/ha
flow
m3/s cumecs|m³/s|cubic metre per second|cubic metres per second|1|cuft/s
cuft/s ft3/s cufts|cu ft/s|cubic foot per second|cubic feet per second|0.028316846592|m3/s
L/s l/s|L/s|litre per second|litres per second|0.001|cuft/min
cuft/min|cu ft/min|cubic foot per minute|cubic feet per minute|0.0004719474432|L/s
USgal/min|US gal/min|US gallon per minute|US gallons per minute|6.30901964e-5|L/s
gradient
m/km|m/km|metre per kilometre|metres per kilometre|0.001|ft/mi
ft/mi|ft/mi|foot per mile|feet per mile|0.0001893939393939394|m/km
time
s|s|second|seconds|1|min
min|min|minute|minutes|60|s
h|h|hour|hours|3600|min
acceleration
m/s2|m/s²|metre per second squared|metres per second squared|1|ft/s2
ft/s2|ft/s²|foot per second squared|feet per second squared|0.3048|m/s2
pressure_area
g/m2|g/m²|gram per square metre|grams per square metre|1|oz/sqyd
oz/sqyd|oz/sq yd|ounce per square yard|ounces per square yard|33.905747474|g/m2
"""
_TEMPERATURES = {
    "C": Unit("temperature", "°C", "degree Celsius", "degrees Celsius", 1.0, "F", 273.15),
    "F": Unit("temperature", "°F", "degree Fahrenheit", "degrees Fahrenheit", 1 / 1.8, "C", 273.15 - 32 / 1.8),
    "K": Unit("temperature", "K", "kelvin", "kelvins", 1.0, "C F", 0.0),
    "R": Unit("temperature", "°R", "degree Rankine", "degrees Rankine", 1 / 1.8, "K", 0.0),
    "C-change": Unit("change", "°C", "degree Celsius change", "degrees Celsius change", 1.0, "F-change"),
    "F-change": Unit("change", "°F", "degree Fahrenheit change", "degrees Fahrenheit change", 1 / 1.8, "C-change"),
}


def _units() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    kind = ""
    for line in _TABLE.strip().split("\n"):
        if "|" not in line:
            kind = line
            continue
        codes, sign, one, many, size, becomes = line.split("|")
        unit = Unit(kind, sign, one, many, float(size), becomes)
        for code in codes.split():
            found[code.replace("_", " ")] = unit
    for code, unit in _TEMPERATURES.items():
        for written in (code, f"°{code}"):
            found[written] = unit
    for name, code in (("celsius", "C"), ("fahrenheit", "F"), ("kelvin", "K")):
        found[name] = found[code]
    for unit in list(found.values()):
        for name in (unit.one, unit.many):
            found.setdefault(name, unit)
            found.setdefault(name.replace("metre", "meter").replace("litre", "liter"), unit)
    return found


UNITS = _units()
AMERICAN = (("metre", "meter"), ("litre", "liter"))
"""How the names are spelled with `sp=us`."""
FAMILIAR = frozenset(["°C", "°F", "K", "°R"])
"""Signs that stand in the text where others have their names: nobody writes "degrees Celsius"."""
PAIRS = {"ftin": ("ft", "in"), "stlb": ("st", "lb"), "lboz": ("lb", "oz"), "ydft": ("yd", "ft"), "mift": ("mi", "ft")}
"""Two units for one measure, and how many of the second make one of the first: see `within`."""


def find(code: str) -> Unit | None:
    """The unit of this code or name."""
    return UNITS.get(code) or UNITS.get(code.lower() if len(code) > 3 else code)
