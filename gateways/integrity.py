"""What a bank says back must be about what we sent: the same file, the same message, payments of ours."""

from gateways.errors import Ambiguous
from gateways.signing import content_digest


def require_same_message(sent_message_id: str, echoed: object) -> None:
    if echoed != sent_message_id:
        raise Ambiguous("the answer is about another message")


def require_same_content(sent: bytes, echoed_digest: object) -> None:
    if echoed_digest != content_digest(sent):
        raise Ambiguous("the bank holds other content than we sent")


def require_whole(content: bytes, digest: str | None) -> None:
    """A file we fetch carries the digest of its content."""
    if digest != content_digest(content):
        raise Ambiguous("the file does not fit its digest")
