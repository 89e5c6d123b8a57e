"""Write one SVG sprite holding only the icons that the pages use.

    icon_sprite.py ICON_FOLDER NAMES_FILE SPRITE

NAMES_FILE lists one icon a line: `check` (outline) or `filled/check`.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

SVG = "http://www.w3.org/2000/svg"
KEPT_ATTRIBUTES = ("fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin")


def icon_names(names_file: Path) -> list[str]:
    """Return the wanted icons, sorted, without blank lines and comments."""
    lines = (line.split("#")[0].strip() for line in names_file.read_text().splitlines())
    return sorted({line for line in lines if line})


def symbol(icon_folder: Path, name: str) -> ET.Element:
    """Return one icon as a `<symbol>` with the id that pages refer to."""
    path = icon_folder / (f"{name}.svg" if "/" in name else f"outline/{name}.svg")
    svg = ET.parse(path).getroot()
    attributes = {"id": name.replace("/", "-"), "viewBox": svg.get("viewBox", "0 0 24 24")}
    attributes |= {key: value for key in KEPT_ATTRIBUTES if (value := svg.get(key))}
    element = ET.Element(f"{{{SVG}}}symbol", attributes)
    # The first path of every icon is an invisible 24 by 24 square.
    element.extend(child for child in svg if child.get("d") != "M0 0h24v24H0z")
    for child in element.iter():
        child.text = child.tail = None
    return element


def write_sprite(icon_folder: Path, names_file: Path, sprite: Path) -> None:
    """Write the sprite file."""
    ET.register_namespace("", SVG)
    root = ET.Element(f"{{{SVG}}}svg")
    root.extend(symbol(icon_folder, name) for name in icon_names(names_file))
    ET.indent(root, space="")
    sprite.write_bytes(ET.tostring(root) + b"\n")


if __name__ == "__main__":
    write_sprite(*(Path(argument) for argument in sys.argv[1:4]))
