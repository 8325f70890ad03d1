"""The content of the sample files, by the same rules as in Tests/ParquetSamples, but not through the writer."""

import datetime
import struct

EPOCH = datetime.datetime(1970, 1, 1)


def single(value: float) -> float:
    """The nearest number of single precision."""
    return struct.unpack("f", struct.pack("f", value))[0]


def int32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def types(rows: int) -> dict[str, list]:
    def moment(microseconds: int) -> datetime.datetime:
        return EPOCH + datetime.timedelta(microseconds=microseconds)

    return {
        "user": [f"user {row % 37} é日🎉" for row in range(rows)],
        "note": [None if row % 3 == 0 else "n" * (row % 11) for row in range(rows)],
        "blob": [bytes([row % 256, 0, 255, row // 256 % 256]) for row in range(rows)],
        "small": [int32(row * 2_654_435_761) for row in range(rows)],
        "large": [row * row * -1_000_003 for row in range(rows)],
        "single": [row % 19 / 4 for row in range(rows)],
        "double": [None if row % 5 == 0 else row / 3 for row in range(rows)],
        "millis": [moment((1_700_000_000_000 + row) * 1000) for row in range(rows)],
        "micros": [None if row % 3 == 0 else moment(-1_000_000 + row) for row in range(rows)],
        "constant": [None if row % 3 == 0 else 7 for row in range(rows)],
    }


def characters() -> list[tuple[str, int]]:
    return [(chr(code), code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def lists() -> list[list[float]]:
    return [[single(row + place / 8) for place in range(row % 7)] for row in range(1000)]


def overflow() -> dict[str, list]:
    return {
        "numbered": [f"value {row // 3}" for row in range(2000)],
        "hashed": [None if row % 4 == 0 else f"text {row // 5}" + "x" * (5000 if row == 777 else 0) for row in range(2000)],
        "number": [row // 2 for row in range(2000)],
    }


def bounds_name(row: int) -> str:
    return f"u{row}"


def bounds_long(row: int) -> str:
    return "a" * (55 + row % 20) + "\U0010ffff" + str(row)
