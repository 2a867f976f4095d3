"""Text helpers: the key for comparing names, misleading names, counts in words, registration keys."""

from __future__ import annotations

import secrets
import unicodedata


def fold(text: str) -> str:
    """Return the key under which two spellings of one name are the same (after RFC 4518's caseIgnoreMatch)."""
    if text.isascii():
        # The quick way for nearly all names: normalizing does not change ASCII.
        return " ".join(text.casefold().split())
    once = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", once).split())


# Scripts that occur together, and with Latin, in Japanese, Chinese and Korean names (Unicode TS 39).
_TOGETHER = ({"CJK", "HIRAGANA", "KATAKANA"}, {"CJK", "BOPOMOFO"}, {"CJK", "HANGUL"})
# Marks that join or separate letters. Only names in the scripts below need them.
_JOINERS = {"\u200c", "\u200d"}
_JOINED = {
    "ARABIC",
    "DEVANAGARI",
    "BENGALI",
    "GUJARATI",
    "GURMUKHI",
    "KANNADA",
    "MALAYALAM",
    "ORIYA",
    "SINHALA",
    "TAMIL",
    "TELUGU",
}
# Letters and symbols that look blank, and a mark that is invisible.
_BLANK = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f"}


def misleading(name: str) -> str:
    """Return why a name could be taken for another one; empty where it can't.

    A name in one script is never misleading: Cyrillic, Greek, Chinese, accents.
    """
    if name.isascii() and name.isprintable():
        # The quick way for nearly all names.
        return ""
    text = unicodedata.normalize("NFKC", name)
    scripts = {found for character in text if (found := _script(character))}
    for character in name:
        joins = character in _JOINERS and scripts and scripts <= _JOINED
        if not joins and _is_invisible(character):
            return f"there is an invisible character in it (U+{ord(character):04X})"
    if len(scripts) > 1 and not any(scripts - {"LATIN"} <= together for together in _TOGETHER):
        return f"it mixes letters that look alike: {' and '.join(sorted(script.capitalize() for script in scripts))}"
    return ""


def _script(character: str) -> str:
    """Return the script of a letter, by its Unicode name; empty for digits, marks and signs, which all scripts share."""
    if not character.isalpha() or unicodedata.category(character) == "Lm":
        return ""
    if character.isascii():
        return "LATIN"
    return unicodedata.name(character, "UNKNOWN ").split()[0]


def _is_invisible(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return (
        selector or character in _BLANK or unicodedata.category(character) in {"Cf", "Cc", "Co", "Cn", "Cs", "Zl", "Zp"}
    )


def counted(number: int, one: str, several: str) -> str:
    """Return a number with its noun, such as ``1 entry`` or ``395 entries``, for texts that are not translated."""
    return f"{number} {one if number == 1 else several}"


def registration_key() -> str:
    """Return a new key ``XXXX-XXXX-XXXX-XXXX`` of letters and digits that do not look alike."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))
