"""What MJML's attributes may hold (the types of MJML 4's own validator), because the compiler lets anything through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NAMED_COLOURS = (
    "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown "
    "burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan "
    "darkgoldenrod darkgray darkgreen darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid "
    "darkred darksalmon darkseagreen darkslateblue darkslategray darkslategrey darkturquoise darkviolet "
    "deeppink deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro "
    "ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo inherit ivory "
    "khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan lightgoldenrodyellow "
    "lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen lightskyblue lightslategray "
    "lightslategrey lightsteelblue lightyellow lime limegreen linen magenta maroon mediumaquamarine mediumblue "
    "mediumorchid mediumpurple mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred "
    "midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered orchid "
    "palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple "
    "rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell sienna silver "
    "skyblue slateblue slategray slategrey snow springgreen steelblue tan teal thistle tomato transparent "
    "turquoise violet wheat white whitesmoke yellow yellowgreen"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of values: what they look like, and in words what to write."""

    pattern: re.Pattern[str]
    words: str


def _lengths(units: str, most: int = 1, *, is_signed: bool = False) -> Kind:
    names = units.split()
    endings = "|".join(re.escape(name) for name in names if name != "auto")
    number = rf"(?:{'-?' if is_signed else ''}[\d.]+(?:{endings})|0)"
    pattern = rf"{number}(?: {number}){{0,{most - 1}}}" + ("|auto" if "auto" in names else "")
    written = {"px": "12px", "%": "50%", "em": "0.1em", "auto": "auto"}
    words = " or ".join(written[each] for each in names)
    return Kind(re.compile(pattern), f"write {words}" + (f", up to {most} of them" if most > 1 else ""))


def _one_of(words: str) -> Kind:
    names = words.split()
    return Kind(re.compile("|".join(map(re.escape, names))), f"write {', '.join(names[:-1])} or {names[-1]}")


_COLOUR = Kind(
    re.compile(rf"#[0-9a-fA-F]{{3}}(?:[0-9a-fA-F]{{3}})?|rgba?\([^()]*\)|{_NAMED_COLOURS.replace(' ', '|')}"),
    "write a colour, as #8c2f1b",
)
_LENGTH, _PIXELS, _SIDES = _lengths("px %"), _lengths("px"), _lengths("px %", 4)
_LINE_HEIGHT = Kind(re.compile(r"[\d.]+(?:px|%)?"), "write 1.5 or 24px")
_NUMBER = Kind(re.compile(r"\d+"), "write a number")
_ALIGN, _VERTICAL = _one_of("left right center"), _one_of("top middle bottom")

_KINDS: Final[dict[Kind, str]] = {
    _COLOUR: "background-color border-color color container-background-color ico-color inner-background-color "
    "tb-hover-border-color tb-selected-border-color",
    _LENGTH: "background-height background-width height ico-font-size ico-padding-bottom ico-padding-left "
    "ico-padding-right ico-padding-top icon-height icon-size icon-width inner-padding-bottom inner-padding-left "
    "inner-padding-right inner-padding-top max-height padding-bottom padding-left padding-right padding-top "
    "tb-width width",
    _PIXELS: "border-width font-size gap",
    _SIDES: "ico-padding icon-padding inner-border-radius inner-padding padding text-padding",
    _LINE_HEIGHT: "line-height ico-line-height",
    _lengths("px em", is_signed=True): "letter-spacing",
    _NUMBER: "cellpadding cellspacing",
    _ALIGN: "align ico-align text-align",
    _VERTICAL: "vertical-align icon-align",
    _one_of("left right"): "icon-position",
    _one_of("ltr rtl"): "direction dir",
    _one_of("full-width false"): "full-width",
    _one_of("repeat no-repeat"): "background-repeat",
    _one_of("true false"): "fluid-on-mobile",
    _one_of("none presentation"): "role",
    _one_of("visible hidden supported"): "thumbnails",
}
_OF: Final = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_OWN: Final = {
    **dict.fromkeys((("mj-body", "width"), ("mj-breakpoint", "width"), ("mj-image", "width")), _PIXELS),
    ("mj-image", "height"): _lengths("px auto"),
    ("mj-table", "width"): _lengths("px % auto"),
    ("mj-text", "align"): _one_of("left right center justify"),
    ("mj-social", "mode"): _one_of("horizontal vertical"),
    **dict.fromkeys(
        ((tag, "border-radius") for tag in ("mj-column", "mj-image", "mj-carousel", "mj-carousel-image")), _SIDES
    ),
}
"""Where a tag's attribute is of another kind than that of the same name elsewhere."""


def fault_of_value(tag: str, attribute: str, value: str) -> str:
    """Return what to write instead, where a tag's attribute cannot hold ``value``; nothing where it can."""
    kind = _OWN.get((tag, attribute)) or _OF.get(attribute)
    if kind is None or tag in ("mj-all", "mj-class") or "{{" in value or "{%" in value or not value:
        return ""
    return "" if kind.pattern.fullmatch(value) else kind.words
