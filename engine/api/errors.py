"""What can go wrong between us and who asks over HTTP.

AskingError
├── NotSignedIn        nobody is known to ask
├── NoIdentity         nobody can be known: sign-in is not configured here
├── NotForThisRole     known, and this is not for their role
├── FormExpired        a form without the token of its session
├── BadCursor          a place in a list that we did not give out
├── WrongHost          asked under a name that is not this computer's
├── AddressUnreadable  characters that no address of ours holds
└── BodyTooLarge       more than any form of ours holds
"""

from engine.errors import ThuchiError


class AskingError(ThuchiError):
    """The request was refused before anything was looked up."""

    code = "asking"


class NotSignedIn(AskingError):
    """Sign in first: this is shown to known users only."""

    code = "not_signed_in"


class NoIdentity(AskingError):
    """No identity provider is configured, and only a demonstration database signs in without one."""

    code = "no_identity"


class NotForThisRole(AskingError):
    """This is for another role than yours."""

    code = "not_for_this_role"


class FormExpired(AskingError):
    """The form was not made in this session; open the page again."""

    code = "form_expired"


class BadCursor(AskingError):
    """The cursor is not one that an earlier page gave out."""

    code = "bad_cursor"


class WrongHost(AskingError):
    """This is not a name of ours: ask under 127.0.0.1 or localhost."""

    code = "wrong_host"


class AddressUnreadable(AskingError):
    """The address holds a character that no address of ours holds."""

    code = "address_unreadable"


class BodyTooLarge(AskingError):
    """The request carries more than any form of ours holds, or does not say how much it carries."""

    code = "body_too_large"
