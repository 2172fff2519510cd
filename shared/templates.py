"""What Jinja templates compile to, shared by the environments of all languages: to compile them takes longer than to render."""

from types import CodeType

from jinja2.bccache import Bucket, BytecodeCache


class SharedCode(BytecodeCache):
    """Keeps each template's code in memory. Good for environments that differ in nothing but what they say it in."""

    def __init__(self) -> None:
        self._kept: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._kept[bucket.key] = bucket.code
