"""Elements and lines as a user types them, "Fe, Cu, Pb La", and as they are shown, "Pb Lα"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from napari_xrf_denoise.core.errors import SettingsError

_SYMBOLS = (
    "Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br "
    "Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy "
    "Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf"
)
ELEMENTS: tuple[str, ...] = tuple(_SYMBOLS.split())
"""Elements with lines in the tables."""
AUTO = "auto"
"""In the place of a line: the best one that the energy axis holds."""
LINES: tuple[str, ...] = (AUTO, "Ka", "Kb", "La", "Lb", "Ma")
LA_TIP = "“Pb La” is the Lα line of lead; “Pb, La” is lead and lanthanum."
# None of them is the symbol of another element, such as Mn and Mg, except La.
_LINE = re.compile(r"(K[ab]|L[abglnt]|M[ab])\d?'?", re.IGNORECASE)
# A line stands alone, or behind an element: "La" before "Ka" is lanthanum.
_NAMED_LINE = re.compile(r"(^|\b[A-Z][a-z]? )([KLM])([abg])(\d?)(?![A-Za-z])(?! [KLM][abg])")
_LETTERS = str.maketrans("abg", "αβγ")
_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_PLAIN = str.maketrans("αβγ₀₁₂₃₄₅₆₇₈₉", "abg0123456789")


def parse_elements(text: str, line: str = AUTO) -> tuple[tuple[str, str], ...]:
    """Return the elements and lines that a text names.

    Parameters
    ----------
    text : str
        Symbols with commas or spaces between them, each with a line behind it if wanted. "Pb La"
        is the Lα line of lead; "Pb, La" is lead and lanthanum.
    line : str
        Line of those elements that have none behind them.

    Returns
    -------
    tuple of (str, str)
        Symbols and lines, each pair once.

    Raises
    ------
    SettingsError
        If a word is not an element symbol.

    Examples
    --------
    >>> parse_elements("fe, Cu Zn, Pb La")
    (('Fe', 'auto'), ('Cu', 'auto'), ('Zn', 'auto'), ('Pb', 'La'))
    """
    found: list[tuple[str, str]] = []
    for entry in re.split(r"[,;\n]", in_latin(text)):
        takes_line = False
        for word in entry.split():
            if takes_line and _LINE.fullmatch(word):
                found[-1] = (found[-1][0], word.capitalize())
                takes_line = False
                continue
            symbol = word.capitalize()
            if symbol not in ELEMENTS:
                raise SettingsError(f"“{word}” is not an element symbol. Use e.g. Fe, Cu, Pb.")
            found.append((symbol, line))
            takes_line = True
    return tuple(dict.fromkeys(found))


def with_elements(text: str, symbols: Iterable[str]) -> str:
    """Return the text with these elements; those that were in it keep their place and line.

    Parameters
    ----------
    text : str
        As for `parse_elements`; what cannot be read is left out.
    symbols : iterable of str

    Examples
    --------
    >>> with_elements("Fe, Pb La", ["Pb", "Cu"])
    'Pb La, Cu'
    """
    try:
        old = parse_elements(text)
    except SettingsError:
        old = ()
    wanted = dict.fromkeys(symbols)
    kept = [(symbol, line) for symbol, line in old if symbol in wanted]
    known = {symbol for symbol, _ in kept}
    words = [symbol if line == AUTO else f"{symbol} {line}" for symbol, line in kept]
    return ", ".join([*words, *(symbol for symbol in wanted if symbol not in known)])


def in_greek(text: str) -> str:
    """Return a text with its lines as they are printed.

    Examples
    --------
    >>> in_greek("Ka"), in_greek("La Ka + Pb La1")
    ('Kα', 'La Kα + Pb Lα₁')
    """
    return _NAMED_LINE.sub(
        lambda found: (
            found[1] + found[2] + found[3].translate(_LETTERS) + found[4].translate(_DIGITS)
        ),
        text,
    )


def in_latin(text: str) -> str:
    """Return a text with its lines as they are typed, the inverse of `in_greek`.

    Examples
    --------
    >>> in_latin("Pb Lα₁")
    'Pb La1'
    """
    return text.translate(_PLAIN)
