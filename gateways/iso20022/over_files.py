"""Files to and from a bank through directories: ours are dropped, its reports and statements are picked up by name."""

from datetime import date

from gateways.contract import BatchAnswer, Health, Outcome
from gateways.errors import Ambiguous, Refused, Unsupported
from gateways.filedrop import FileDrop, Whereabouts
from gateways.iso20022.delivery import FoundReports


class OverFiles:
    """The exchange directory of a bank. Our files are named by message id, so that an inquiry finds them."""

    def __init__(self, drop: FileDrop, report_names: str, statement_names: str, ending: str = ".xml") -> None:
        self._drop = drop
        self._report_names = report_names
        self._statement_names = statement_names
        self._ending = ending

    def hand_over(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        """`pending` once the bank can see the file. Whatever fails earlier was never seen, whatever later may be."""
        name = message_id + self._ending
        try:
            whereabouts = self._drop.put(name, content)
        except Refused as error:
            return BatchAnswer(Outcome.UNKNOWN, error.code, str(error))
        except OSError as error:
            hidden = self._drop.whereabouts(name) is Whereabouts.NEVER_OUT
            outcome = Outcome.NOT_ACCEPTED if hidden else Outcome.UNKNOWN
            return BatchAnswer(outcome, "FILE_SYSTEM", error.strerror or type(error).__name__)
        if whereabouts is Whereabouts.GONE:
            return BatchAnswer(Outcome.UNKNOWN, "TAKEN_BEFORE", "this file was handed over before and taken away")
        return BatchAnswer(Outcome.PENDING, "DROPPED", f"{file_name} waits for the bank as {name}")

    def status_reports(self, message_id: str) -> FoundReports:
        """A file that the bank took and does not speak of tells nothing; one that never stood out was never seen."""
        pattern = self._report_names.format(message_id=message_id)
        documents = tuple(file.content for file in self._drop.received(pattern))
        if documents:
            return FoundReports(found=True, documents=documents)
        match self._drop.whereabouts(message_id + self._ending):
            case Whereabouts.NEVER_OUT:
                return FoundReports(found=False)
            case Whereabouts.WAITING:
                return FoundReports(found=True, waiting=True)
            case Whereabouts.GONE:
                return FoundReports(found=None)

    def list_statements(self, on: date) -> tuple[str, ...]:
        pattern = self._statement_names.format(day=f"{on:%Y%m%d}")
        return tuple(file.name for file in self._drop.received(pattern))

    def fetch_statement(self, name: str) -> bytes:
        file = self._drop.take(name)
        if file is None:
            raise Ambiguous(f"{name}: no whole file of this name is there")
        return file.content

    def verify(self, message_id: str, question: bytes) -> bytes:
        raise Unsupported(f"{message_id}: accounts are not verified through files, {len(question)} bytes not sent")

    def check(self, on: date) -> Health:
        problems = self._drop.problems()
        quarantined = self._drop.quarantined()
        told = problems + [f"{name} is in quarantine" for name in quarantined]
        text = "; ".join(told) or f"files can be exchanged; {len(self.list_statements(on))} statements of {on}"
        return Health(not problems, None, None, None, text)

    def close(self) -> None:
        """Directories are not held open."""
