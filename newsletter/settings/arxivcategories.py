"""arXiv's categories (arxiv.org/category_taxonomy), to tell a slip of the pen from a wish.

One unknown category makes arXiv refuse a whole request, so a likely slip is worth a warning. It is no more than that,
because arXiv may add categories.
"""

from __future__ import annotations

from newsletter.settings.values import suggestion

SUBJECTS = {
    "astro-ph": "CO EP GA HE IM SR",
    "cond-mat": "dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
    "cs": "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL RO SC "
    "SD SE SI SY",
    "econ": "EM GN TH",
    "eess": "AS IV SP SY",
    "gr-qc": "",
    "hep-ex": "",
    "hep-lat": "",
    "hep-ph": "",
    "hep-th": "",
    "math": "AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST",
    "math-ph": "",
    "nlin": "AO CD CG PS SI",
    "nucl-ex": "",
    "nucl-th": "",
    "physics": "acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph "
    "geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
    "q-bio": "BM CB GN MN NC OT PE QM SC TO",
    "q-fin": "CP EC GN MF PM PR RM ST TR",
    "quant-ph": "",
    "stat": "AP CO ME ML OT TH",
}
CATEGORIES = frozenset(
    name
    for archive, subjects in SUBJECTS.items()
    for name in (archive, *(f"{archive}.{subject}" for subject in subjects.split()))
)
FOLDED = frozenset(name.casefold() for name in CATEGORIES)
USUAL_SLIPS = {"cs.ml": "did you mean “cs.LG” or “stat.ML”?", "cs.nlp": "did you mean “cs.CL”?"}


def unknown_category_advice(category: str) -> str | None:
    """Return what to do about a category that looks like arXiv's and is none of them, else None.

    Case is left aside, as arXiv does. What does not begin with one of arXiv's archives is somebody else's category;
    ``cs.*`` is all of an archive.
    """
    folded = category.casefold()
    archive = folded.partition(".")[0]
    if folded in FOLDED or "." not in folded or folded.endswith("*") or archive not in FOLDED:
        return None
    near = sorted(name for name in CATEGORIES if name.casefold().startswith(archive))
    return USUAL_SLIPS.get(folded) or suggestion(category, near) or "see arxiv.org/category_taxonomy"
