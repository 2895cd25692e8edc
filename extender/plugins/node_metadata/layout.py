"""Times as Go's time.Parse reads them with a layout, such as `2006-01-02 15:04:05 -0700`.

A layout is written with the parts of one reference time, Mon Jan 2 15:04:05 MST 2006; whatever is no such part is
literal. `Layout(text)` splits it once; `parse` then reads a value part by part, the way Go does, its liberties
included: a fraction behind the seconds is read though the layout has none, a comma counts as its point, one blank of
the layout stands for any number of blanks, offsets go up to 24 hours, and a zone given by its letters shifts nothing,
not even GMT+3. What the layout does not name is January, the first, midnight, year 0.

The scheduler's own time zone is taken to be UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Moment = tuple[int, int]
"""(unix seconds, nanoseconds of that second)"""

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
_DIGITS = frozenset("0123456789")
_FRACTION_DIGITS = 9
_FEBRUARY, _LEAP_DAY = 2, 60
# Two digits of a year from here on are of the 20th century.
_CENTURY_TURN = 69
_SECONDS_OF_DAY = 86400


class _BadValueError(Exception):
    """The value does not fit the layout."""


@dataclass(slots=True)
class _Read:
    """What has been read so far."""

    rest: str
    following: str = ""
    """Name of the layout's next part."""
    year: int = 0
    month: int | None = None
    day: int | None = None
    year_day: int | None = None
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanos: int = 0
    is_afternoon: bool = False
    is_morning: bool = False
    is_utc: bool = False
    offset_s: int | None = None
    """None: not named by the layout, like month, day and year_day."""


@dataclass(frozen=True, slots=True)
class _Part:
    literal: str
    """Before the part."""
    name: str
    """As layouts write it; fractions by their first digit, `.0` and `.9`; empty at the end."""
    digits: int = 0
    """Of a fraction."""


class Layout:
    def __init__(self, text: str) -> None:
        self._parts = tuple(_split(_bytewise(text)))

    def parse(self, text: str) -> Moment | None:
        """The moment, or None where Go would report an error."""
        try:
            return _moment(self._read(_bytewise(text)))
        except _BadValueError:
            return None

    def _read(self, text: str) -> _Read:
        read = _Read(text)
        for i, part in enumerate(self._parts):
            read.rest = _without_literal(read.rest, part.literal)
            if not part.name:
                break
            read.following = self._parts[i + 1].name
            _READERS[part.name](read, part)
        if read.rest:
            raise _BadValueError
        return read


def _bytewise(text: str) -> str:
    """One character per byte of UTF-8: Go counts bytes."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


# Layout -> parts.

# Longer names first where one begins another.
_NAMES = (
    "January", "Jan", "Monday", "Mon", "MST", "01", "02", "03", "04", "05", "06", "002", "15", "1", "2006", "2",
    "__2", "_2", "3", "4", "5", "PM", "pm",
    "-070000", "-07:00:00", "-0700", "-07:00", "-07", "Z070000", "Z07:00:00", "Z0700", "Z07:00", "Z07",
)  # fmt: skip
_FIRSTS = frozenset(name[0] for name in _NAMES) | frozenset(".,")
# "Month" and "Januar" are words, not parts.
_NO_WORD_BEGINNINGS = ("Jan", "Mon")


def _split(layout: str) -> list[_Part]:
    parts, literal, i = [], "", 0
    while i < len(layout):
        name, length, digits = _part_at(layout, i) if layout[i] in _FIRSTS else ("", 0, 0)
        if not length:
            literal += layout[i]
            i += 1
            continue
        parts.append(_Part(literal, name, digits))
        literal = ""
        i += length
    return [*parts, _Part(literal, "")]


def _part_at(layout: str, i: int) -> tuple[str, int, int]:
    """(name, length in the layout, digits) of the part that begins there; length 0: none does."""
    if layout[i] in ".,":
        return _fraction_at(layout, i)
    if layout.startswith("_2006", i):
        # The underscore is literal: the year has no blanks before it.
        return "", 0, 0
    for name in _NAMES:
        if not layout.startswith(name, i):
            continue
        after = layout[i + len(name) : i + len(name) + 1]
        if name in _NO_WORD_BEGINNINGS and "a" <= after <= "z":
            continue
        return name, len(name), 0
    return "", 0, 0


def _fraction_at(layout: str, i: int) -> tuple[str, int, int]:
    digit = layout[i + 1 : i + 2]
    if digit not in ("0", "9"):
        return "", 0, 0
    end = i + 1
    while layout[end : end + 1] == digit:
        end += 1
    if layout[end : end + 1] in _DIGITS:
        return "", 0, 0
    return f".{digit}", end - i, end - i - 1


# Value -> parts.


def _without_literal(value: str, literal: str) -> str:
    """A blank of the layout takes all blanks that are there; at the end of the value, none are needed."""
    while literal:
        if literal[0] == " ":
            if value and value[0] != " ":
                raise _BadValueError
            literal, value = literal.lstrip(" "), value.lstrip(" ")
        elif value[:1] != literal[0]:
            raise _BadValueError
        else:
            literal, value = literal[1:], value[1:]
    return value


def _number(read: _Read, widest: int, *, fixed: bool) -> int:
    """Up to `widest` digits; `fixed`: exactly so many."""
    length = 0
    while length < widest and read.rest[length : length + 1] in _DIGITS:
        length += 1
    if length == 0 or (fixed and length != widest):
        raise _BadValueError
    return int(_taken(read, length))


def _taken(read: _Read, length: int) -> str:
    if len(read.rest) < length:
        raise _BadValueError
    text, read.rest = read.rest[:length], read.rest[length:]
    return text


def _signed(text: str) -> int:
    """As Go's atoi: digits, behind an optional sign."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not _DIGITS.issuperset(digits):
        raise _BadValueError
    # A sign alone is zero, there as here.
    number = int(digits or "0")
    return -number if text[:1] == "-" else number


def _within(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise _BadValueError
    return number


def _word(read: _Read, words: tuple[str, ...], letters: int) -> int:
    """Position of the word, of its first `letters` letters, at the beginning of the value; case does not count."""
    for i, word in enumerate(words):
        short = word[:letters]
        if read.rest[: len(short)].lower() == short.lower() and read.rest[: len(short)].isascii():
            read.rest = read.rest[len(short) :]
            return i
    raise _BadValueError


def _read_long_year(read: _Read, _part: _Part) -> None:
    text = _taken(read, 4)
    if text[0] not in _DIGITS:
        raise _BadValueError
    read.year = _signed(text)


def _read_short_year(read: _Read, _part: _Part) -> None:
    year = _signed(_taken(read, 2))
    read.year = year + (1900 if year >= _CENTURY_TURN else 2000)


def _read_month(read: _Read, part: _Part) -> None:
    read.month = _within(_number(read, 2, fixed=part.name == "01"), 1, 12)


def _read_day(read: _Read, part: _Part) -> None:
    if part.name == "_2":
        read.rest = read.rest.removeprefix(" ")
    read.day = _number(read, 2, fixed=part.name == "02")


def _read_year_day(read: _Read, part: _Part) -> None:
    if part.name == "__2":
        read.rest = read.rest.removeprefix(" ").removeprefix(" ")
    read.year_day = _number(read, 3, fixed=part.name == "002")


def _read_hour(read: _Read, part: _Part) -> None:
    read.hour = _within(_number(read, 2, fixed=part.name == "03"), 0, 23 if part.name == "15" else 12)


def _read_minute(read: _Read, part: _Part) -> None:
    read.minute = _within(_number(read, 2, fixed=part.name == "04"), 0, 59)


def _read_second(read: _Read, part: _Part) -> None:
    read.second = _within(_number(read, 2, fixed=part.name == "05"), 0, 59)
    if read.following not in (".0", ".9") and _begins_fraction(read.rest):
        read.nanos = _fraction(_taken(read, _fraction_length(read.rest)))


def _read_exact_fraction(read: _Read, part: _Part) -> None:
    text = _taken(read, 1 + part.digits)
    if text[0] not in ".,":
        raise _BadValueError
    read.nanos = _fraction(text)


def _read_any_fraction(read: _Read, _part: _Part) -> None:
    if _begins_fraction(read.rest):
        read.nanos = _fraction(_taken(read, _fraction_length(read.rest)))


def _begins_fraction(text: str) -> bool:
    return len(text) > 1 and text[0] in ".," and text[1] in _DIGITS


def _fraction_length(text: str) -> int:
    length = 1
    while length < len(text) and text[length] in _DIGITS:
        length += 1
    return length


def _fraction(text: str) -> int:
    """Nanoseconds of a point (or comma) and digits; those past the ninth are cut."""
    digits = text[1 : 1 + _FRACTION_DIGITS]
    nanos = _signed(digits) * 10 ** (_FRACTION_DIGITS - len(digits))
    return _within(nanos, 0, 10**_FRACTION_DIGITS)


def _read_half(read: _Read, part: _Part) -> None:
    text = _taken(read, 2)
    upper = part.name == "PM"
    read.is_afternoon |= text == ("PM" if upper else "pm")
    read.is_morning |= text == ("AM" if upper else "am")
    if text not in (("AM", "PM") if upper else ("am", "pm")):
        raise _BadValueError


def _read_offset(read: _Read, part: _Part) -> None:
    """Sign, hours, and minutes and seconds as the layout has them; `Z` for UTC where the layout begins with it."""
    if part.name[0] == "Z" and read.rest[:1] == "Z":
        read.rest, read.is_utc = read.rest[1:], True
        return
    text = _taken(read, len(part.name))
    numbers = []
    for i in range(1, len(text)):
        if part.name[i] == ":":
            if text[i] != ":":
                raise _BadValueError
        elif text[i] not in _DIGITS:
            raise _BadValueError
        else:
            numbers.append(int(text[i]))
    fields = [10 * numbers[i] + numbers[i + 1] for i in range(0, len(numbers), 2)]
    hours, minutes, seconds = (*fields, 0, 0)[:3]
    offset_s = (_within(hours, 0, 24) * 60 + _within(minutes, 0, 60)) * 60 + _within(seconds, 0, 60)
    if text[0] not in "+-":
        raise _BadValueError
    read.offset_s = -offset_s if text[0] == "-" else offset_s


def _read_zone(read: _Read, _part: _Part) -> None:
    if read.rest.startswith("UTC"):
        read.rest, read.is_utc = read.rest[3:], True
        return
    _taken(read, _zone_length(read.rest))


def _zone_length(text: str) -> int:
    """Three capitals; four that end in T; five that end in T; and the exceptions that Go knows."""
    if len(text) < 3:  # noqa: PLR2004
        raise _BadValueError
    if text.startswith(("ChST", "MeST", "WITA")):
        # Go looks at WITA only if it is not followed by a fifth capital.
        if not (text.startswith("WITA") and "A" <= text[4:5] <= "Z"):
            return 4
    elif text.startswith("GMT"):
        return 3 + _signed_length(text[3:])
    elif text[0] in "+-":
        length = _signed_length(text)
        if not length:
            raise _BadValueError
        return length
    capitals = 0
    while capitals < 6 and "A" <= text[capitals : capitals + 1] <= "Z":  # noqa: PLR2004 - a sixth makes it no zone
        capitals += 1
    if capitals == 3 or (capitals in (4, 5) and text[capitals - 1] == "T"):  # noqa: PLR2004
        return capitals
    raise _BadValueError


def _signed_length(text: str) -> int:
    """Length of a sign and a number up to 23; 0: there is none."""
    if text[:1] not in ("+", "-"):
        return 0
    length = 1
    while length < len(text) and text[length] in _DIGITS:
        length += 1
    if length == 1 or len(text[1:length].lstrip("0")) > 2 or int(text[1:length]) > 23:  # noqa: PLR2004
        return 0
    return length


def _read_word(words: tuple[str, ...], letters: int) -> Callable[[_Read, _Part], None]:
    def read_one(read: _Read, _part: _Part) -> None:
        found = _word(read, words, letters)
        if words is _MONTHS:
            read.month = found + 1

    return read_one


_READERS: dict[str, Callable[[_Read, _Part], None]] = {
    "2006": _read_long_year,
    "06": _read_short_year,
    "January": _read_word(_MONTHS, 99),
    "Jan": _read_word(_MONTHS, 3),
    "Monday": _read_word(_DAYS, 99),
    "Mon": _read_word(_DAYS, 3),
    **dict.fromkeys(("1", "01"), _read_month),
    **dict.fromkeys(("2", "_2", "02"), _read_day),
    **dict.fromkeys(("__2", "002"), _read_year_day),
    **dict.fromkeys(("15", "3", "03"), _read_hour),
    **dict.fromkeys(("4", "04"), _read_minute),
    **dict.fromkeys(("5", "05"), _read_second),
    ".0": _read_exact_fraction,
    ".9": _read_any_fraction,
    **dict.fromkeys(("PM", "pm"), _read_half),
    **dict.fromkeys((name for name in _NAMES if name[0] in "-Z"), _read_offset),
    "MST": _read_zone,
}


# Parts -> moment.


def _moment(read: _Read) -> Moment:
    month, day = _date(read)
    hour = read.hour
    if read.is_afternoon and hour < 12:  # noqa: PLR2004
        hour += 12
    elif read.is_morning and hour == 12:  # noqa: PLR2004
        hour = 0
    seconds = _days_since_1970(read.year, month, day) * _SECONDS_OF_DAY + (hour * 60 + read.minute) * 60 + read.second
    return seconds - _offset_s(read), read.nanos


def _offset_s(read: _Read) -> int:
    """Seconds east of UTC. An offset of -1 s is Go's own mark of "none given"."""
    if read.is_utc or read.offset_s is None or read.offset_s == -1:
        return 0
    return read.offset_s


def _date(read: _Read) -> tuple[int, int]:
    """(month, day), from the day of the year where the layout has it; what the layout has besides must agree."""
    month, day = read.month, read.day
    if read.year_day is not None:
        of_year = _of_year_day(read.year_day, leap=_is_leap(read.year))
        if month not in (None, of_year[0]) or day not in (None, of_year[1]):
            raise _BadValueError
        month, day = of_year
    month = 1 if month is None else month
    day = 1 if day is None else day
    leap_day = month == _FEBRUARY and _is_leap(read.year)
    return month, _within(day, 1, _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + leap_day)


def _of_year_day(number: int, *, leap: bool) -> tuple[int, int]:
    if leap and number == _LEAP_DAY:
        return _FEBRUARY, 29
    if leap and number > _LEAP_DAY:
        number -= 1
    _within(number, 1, 365)
    month = next(m for m in range(1, 13) if number <= _DAYS_BEFORE[m])
    return month, number - _DAYS_BEFORE[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Of the Gregorian calendar, carried back to year 0, which datetime does not know."""
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 + _DAYS_BEFORE[month - 1] + day
    return days + (month > _FEBRUARY and _is_leap(year)) - 719163
