"""Both ends of a link without a link: what one side writes, the other reads."""

from __future__ import annotations

from grader.judge.faults import CannotCarry, ProtocolFault
from grader.judge.kinds import Registry
from grader.judge.mirrors import Mirrors
from grader.judge.reader import Reader
from grader.judge.writer import Writer


class Nothing:
    """A peer that shows nothing."""

    def export(self, writer, obj):
        raise CannotCarry(type(obj).__name__)

    def bring_in(self, reader, tag):
        raise ProtocolFault(f"tag {tag}")

    def forget_classes(self, kinds):
        pass


class Ends:
    """Both ends of a link without a link."""

    def __init__(self):
        self.registry = Registry()
        self.here, self.there = Mirrors(0, self.registry), Mirrors(1, self.registry)

    def write(self, value):
        writer = Writer(self.registry, self.here, Nothing())
        writer.value(value)
        return bytes(writer.out)

    def read(self, data):
        reader = Reader(data, self.registry, self.there, Nothing())
        value = reader.value()
        assert reader.place == len(data)
        return value

    def carry(self, value):
        return self.read(self.write(value))
