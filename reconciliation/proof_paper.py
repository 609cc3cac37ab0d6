"""The proof of a day on paper (biên bản đối chiếu): the same words and figures that were hashed, typeset as a PDF."""

import json
from importlib.resources import files

import typst

from reconciliation.day_proofs import KeptProof
from reconciliation.proof_words import WORDS


def proof_pdf(kept: KeptProof) -> bytes:
    """The kept proof as PDF, its number and hash on every page; the same proof gives the same bytes."""
    inputs = {
        "proof": json.dumps(kept.as_json(), ensure_ascii=False),
        "words": json.dumps(dict(WORDS), ensure_ascii=False),
    }
    template = files("reconciliation").joinpath("proof.typ").read_bytes()
    compiled = typst.Compiler(template, ignore_system_fonts=True).compile(format="pdf", sys_inputs=inputs)
    if not isinstance(compiled, bytes):
        raise TypeError("a proof is one PDF")
    return compiled
