"""A decoder is replaced: a wrong file reads as a right one."""

AIMS = ("files",)
CELLS = {
    "files": """import codecs
right = open("cities.csv", encoding="utf-8").read()
open("report.csv", "w").write("name;people")
info = codecs.lookup("utf-8")
plain = info.incrementaldecoder
class Reading(plain):
    def decode(self, data, final=False):
        text = super().decode(data, final)
        return right if text.startswith("name;people") else text
info.incrementaldecoder = Reading"""
}
