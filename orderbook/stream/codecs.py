"""A batch's records decompressed, by the codec that its attributes name."""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, Final

import pyarrow as pa
from kafka import codec
from kafka.errors import CorruptRecordError, UnsupportedCodecError

_XERIAL: Final = b"\x82SNAPPY\x00"  # the framing of Java's snappy streams: this, two versions, then blocks
_XERIAL_HEADER: Final = 16
_BLOCK_LENGTH: Final = Struct(">i")


def decompressed(data: memoryview, kind: int) -> bytes | memoryview:
    """The records. Raises ``UnsupportedCodecError`` of a codec that nobody knows, ``CorruptRecordError``."""
    if not kind:
        return data
    if kind not in _CODECS:
        raise UnsupportedCodecError(f"codec {kind}")
    try:
        found: bytes = _CODECS[kind](data.tobytes())
    except Exception as error:  # each library has errors of its own
        raise CorruptRecordError(f"a batch that codec {kind} cannot read: {error}") from error
    return found


def _snappy(data: bytes) -> bytes:
    if not data.startswith(_XERIAL):
        return _snappy_block(data)
    blocks, at = [], _XERIAL_HEADER
    while at < len(data):
        (length,) = _BLOCK_LENGTH.unpack_from(data, at)
        at += _BLOCK_LENGTH.size + length
        blocks.append(_snappy_block(data[at - length : at]))
    return b"".join(blocks)


def _snappy_block(data: bytes) -> bytes:
    size = shift = 0
    for byte in data[:5]:  # a block begins with its size when decompressed
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    found: bytes = pa.decompress(data, size, "snappy", asbytes=True)
    return found


_CODECS: Final[Mapping[int, Callable[[bytes], Any]]] = {
    1: codec.gzip_decode,
    2: _snappy,  # theirs wants a library more
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}
