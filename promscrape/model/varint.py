"""Uvarints: seven bits a byte, low ones first, the top bit set on all bytes but the last."""


def uvarint(number: int) -> bytes:
    """Encode `number`, 0 <= number < 2**64."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
