"""MJML's tags, where each may stand and what it may carry (the MJML 4 documentation), because the compiler lets
misspelt ones through.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PADDING = "padding padding-top padding-right padding-bottom padding-left"
_INNER = "inner-padding inner-padding-top inner-padding-right inner-padding-bottom inner-padding-left"
_FONT = "color font-family font-size font-style font-weight letter-spacing line-height text-decoration text-transform"
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position background-position-x "
    "background-position-y"
)
_BLOCK = f"align container-background-color {_PADDING}"
_SECTION = f"{_BACKGROUND} {_BORDER} {_PADDING} direction full-width text-align text-padding gap"

_COLUMN_PARENTS = _names("mj-column mj-hero mj-attributes")

PARENTS: dict[str, frozenset[str]] = {
    "mjml": frozenset(),
    "mj-head": _names("mjml"),
    "mj-body": _names("mjml mj-attributes"),
    **dict.fromkeys(
        ("mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-style", "mj-title"), _names("mj-head")
    ),
    "mj-all": _names("mj-attributes"),
    "mj-class": _names("mj-attributes mj-class"),
    "mj-wrapper": _names("mj-body mj-attributes"),
    "mj-section": _names("mj-body mj-wrapper mj-attributes"),
    "mj-hero": _names("mj-body mj-wrapper mj-attributes"),
    "mj-group": _names("mj-section mj-attributes"),
    "mj-column": _names("mj-section mj-group mj-attributes"),
    **dict.fromkeys(
        ("mj-accordion", "mj-button", "mj-carousel", "mj-divider", "mj-image", "mj-navbar", "mj-social", "mj-spacer"),
        _COLUMN_PARENTS,
    ),
    **dict.fromkeys(("mj-table", "mj-text"), _COLUMN_PARENTS),
    "mj-accordion-element": _names("mj-accordion mj-attributes"),
    "mj-accordion-title": _names("mj-accordion-element mj-attributes"),
    "mj-accordion-text": _names("mj-accordion-element mj-attributes"),
    "mj-carousel-image": _names("mj-carousel mj-attributes"),
    "mj-navbar-link": _names("mj-navbar mj-attributes"),
    "mj-social-element": _names("mj-social mj-attributes"),
}
"""Each tag and the tags that may hold it directly."""

ANYWHERE = _names("mj-raw mj-include")
"""Tags that may stand in any other."""

TEXTUAL = _names(
    "mj-raw mj-text mj-table mj-button mj-title mj-preview mj-style mj-accordion-text mj-accordion-title "
    "mj-navbar-link mj-social-element"
)
"""Tags whose content is text or HTML: ``<`` and ``&`` of other kinds may stand in them."""

ATTRIBUTES: dict[str, frozenset[str]] = {
    "mjml": _names("lang dir owa"),
    "mj-head": frozenset(),
    "mj-body": _names("background-color width id"),
    "mj-attributes": frozenset(),
    "mj-breakpoint": _names("width"),
    "mj-font": _names("name href"),
    "mj-preview": frozenset(),
    "mj-style": _names("inline"),
    "mj-title": frozenset(),
    "mj-raw": frozenset(),
    "mj-include": _names("path"),
    "mj-wrapper": _names(_SECTION),
    "mj-section": _names(_SECTION),
    "mj-hero": _names(
        f"{_BACKGROUND} {_PADDING} {_INNER} background-height background-width border-radius height "
        "inner-background-color mode vertical-align width align"
    ),
    "mj-group": _names("background-color direction vertical-align width"),
    "mj-column": _names(
        f"background-color {_BORDER} {_PADDING} direction inner-background-color inner-border inner-border-top "
        "inner-border-right inner-border-bottom inner-border-left inner-border-radius vertical-align width"
    ),
    "mj-accordion": _names(
        f"{_PADDING} border container-background-color font-family icon-align icon-height icon-position "
        "icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url"
    ),
    "mj-accordion-element": _names(
        "background-color border font-family icon-align icon-height icon-position icon-unwrapped-alt "
        "icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url"
    ),
    "mj-accordion-title": _names(f"{_PADDING} {_FONT} background-color"),
    "mj-accordion-text": _names(f"{_PADDING} {_FONT} background-color"),
    "mj-button": _names(
        f"{_BLOCK} {_FONT} {_BORDER} background-color height href inner-padding name rel target text-align title "
        "vertical-align width"
    ),
    "mj-carousel": _names(
        f"{_BLOCK} border-radius background-color icon-width left-icon right-icon tb-border tb-border-radius "
        "tb-hover-border-color tb-selected-border-color tb-width thumbnails"
    ),
    "mj-carousel-image": _names(
        "alt border-radius href rel src target tb-border tb-border-radius thumbnails-src title"
    ),
    "mj-divider": _names(f"{_BLOCK} border-color border-style border-width width"),
    "mj-image": _names(
        f"{_BLOCK} {_BORDER} alt fluid-on-mobile font-size height href max-height name rel sizes src srcset target "
        "title usemap width"
    ),
    "mj-navbar": _names(
        "align base-url hamburger ico-align ico-close ico-color ico-font-family ico-font-size ico-line-height ico-open "
        "ico-padding ico-padding-top ico-padding-right ico-padding-bottom ico-padding-left ico-text-decoration "
        f"ico-text-transform {_PADDING}"
    ),
    "mj-navbar-link": _names(f"{_PADDING} {_FONT} href name rel target"),
    "mj-social": _names(
        f"{_BLOCK} {_FONT} {_INNER} border-radius icon-height icon-padding icon-size mode table-layout text-padding"
    ),
    "mj-social-element": _names(
        f"{_PADDING} {_FONT} align alt background-color border-radius href icon-height icon-padding icon-position "
        "icon-size name rel sizes src srcset target text-padding title vertical-align"
    ),
    "mj-spacer": _names(f"{_BLOCK} height"),
    "mj-table": _names(
        f"{_BLOCK} color font-family font-size font-weight border cellpadding cellspacing line-height role "
        "table-layout vertical-align width"
    ),
    "mj-text": _names(f"{_BLOCK} {_FONT} height vertical-align"),
}
"""What each tag may carry, besides ``css-class`` and ``mj-class``; ``mj-all`` and ``mj-class`` may carry all of it."""

COMMON_ATTRIBUTES = _names("css-class mj-class")
EVERY_ATTRIBUTE = frozenset().union(*ATTRIBUTES.values()) | COMMON_ATTRIBUTES | {"name"}


def allowed_attributes(tag: str) -> frozenset[str]:
    """Return the attributes that ``tag`` may carry."""
    if tag in ("mj-all", "mj-class"):
        return EVERY_ATTRIBUTE
    return ATTRIBUTES[tag] | COMMON_ATTRIBUTES


def known_tags() -> frozenset[str]:
    """Return every tag of MJML that can be used here."""
    return frozenset(PARENTS) | ANYWHERE
