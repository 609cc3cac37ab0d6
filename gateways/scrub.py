"""Takes account numbers, names and secrets out of an exchange before anything of it is logged or recorded."""

import re

from gateways.contract import masked

_SECRETS = (
    re.compile(r"(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    re.compile(r"(?im)^(?P<kept>(?:proxy-)?authorization|cookie|set-cookie|signature)(?P<colon>\s*:).*$"),
    re.compile(r'(?i)(?P<quote>")(?P<kept>[a-z_]*(?:token|secret|password|private_key))(?P<colon>"\s*:)\s*"[^"]*"'),
)
_PERSONAL_ELEMENT = re.compile(r"(<(?P<name>(?:\w+:)?(?:Nm|Ustrd|AddtlTxInf|AddtlNtryInf))>)[^<]*")
_ACCOUNT_ELEMENT = re.compile(r"(<(?:\w+:)?(?:Othr|Prxy)>\s*<(?:\w+:)?Id>)([^<]*)")
_PERSONAL_FIELD = re.compile(r'(?i)("[a-z_]*(?:account|name|memo|remittance|m_u_id)"\s*:\s*")([^"]*)(")')
_AMOUNT_ELEMENT = r'(?<!Ccy="VND">)(?<!<CtrlSum>)(?<!_vnd": )(?<!_vnd":)'
_LONG_NUMBER = re.compile(rf"(?<![\w-]){_AMOUNT_ELEMENT}\d{{6,34}}(?![\w-])")


def scrub(text: str) -> str:
    """The text without what must not be seen. Amounts, codes and our references stay.

    >>> scrub("<Othr><Id>0011004123456</Id></Othr>")
    '<Othr><Id>•••••••••3456</Id></Othr>'
    """
    for secret in _SECRETS:
        text = secret.sub(_hidden, text)
    text = _ACCOUNT_ELEMENT.sub(lambda match: match[1] + masked(match[2]), text)
    text = _PERSONAL_ELEMENT.sub(r"\1•", text)
    text = _PERSONAL_FIELD.sub(lambda match: match[1] + masked(match[2]) + match[3], text)
    return _LONG_NUMBER.sub(lambda match: masked(match[0]), text)


def _hidden(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if "kept" not in groups:
        return "•"
    quote = groups.get("quote") or ""
    return f"{quote}{groups['kept']}{groups['colon']} {quote}•{quote}"
