"""Schnorr signatures over secp256k1, checked as BIP-340 says. About 2 ms each in plain Python.

Only checking is here, of public data: nothing secret passes, so its time may depend on values.
"""

import hashlib
from typing import Final

P: Final = 2**256 - 2**32 - 977
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
BASE: Final = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)

Point = tuple[int, int, int]
"""In Jacobian coordinates; the point at infinity has z = 0."""
_INFINITY: Final[Point] = (0, 1, 0)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) of `message` was made with the public `key` (32 bytes)."""
    if len(key) != 32 or len(signature) != 64:
        return False
    point = lifted(int.from_bytes(key))
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if point is None or r >= P or s >= ORDER:
        return False
    e = int.from_bytes(tagged("BIP0340/challenge", signature[:32] + key + message)) % ORDER
    x, y, z = _sum(s, BASE, ORDER - e, point)
    if z == 0:
        return False
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return y * square * inverse % P % 2 == 0 and x * square % P == r


def lifted(x: int) -> tuple[int, int] | None:
    """The point on the curve with this x and an even y."""
    if x >= P:
        return None
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return x, y if y % 2 == 0 else P - y


def tagged(tag: str, message: bytes) -> bytes:
    """BIP-340's hash, which a tag keeps apart from all other hashes."""
    head = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(head + head + message).digest()


def _sum(a: int, p: tuple[int, int], b: int, q: tuple[int, int]) -> Point:
    """a·p + b·q, both at once, two bits a step."""
    first = _multiples(p)
    second = _multiples(q)
    table = [[_add(one, other) for other in second] for one in first]
    result = _INFINITY
    for shift in range(254, -2, -2):
        result = _double(_double(result))
        i, j = a >> shift & 3, b >> shift & 3
        if i or j:
            result = _add(result, table[i][j])
    return result


def _multiples(point: tuple[int, int]) -> list[Point]:
    once: Point = (*point, 1)
    twice = _double(once)
    return [_INFINITY, once, twice, _add(twice, once)]


def _double(point: Point) -> Point:
    x, y, z = point
    if z == 0 or y == 0:
        return _INFINITY
    square = y * y % P
    s = 4 * x * square % P
    m = 3 * x * x % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * square * square) % P, 2 * y * z % P


def _add(one: Point, other: Point) -> Point:
    x1, y1, z1 = one
    x2, y2, z2 = other
    if z1 == 0:
        return other
    if z2 == 0:
        return one
    square1, square2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * square2 % P, x2 * square1 % P
    s1, s2 = y1 * square2 * z2 % P, y2 * square1 * z1 % P
    if u1 == u2:
        return _double(one) if s1 == s2 else _INFINITY
    h, r = u2 - u1, s2 - s1
    h2 = h * h % P
    h3, v = h * h2 % P, u1 * h2 % P
    x3 = (r * r - h3 - 2 * v) % P
    return x3, (r * (v - x3) - s1 * h3) % P, h * z1 * z2 % P
