"""The reference adapter's operation for what an origin publishes.

Theory. As in `adapter`: one request, one call, one answer. A document is bytes of JSON, in hex like all bytes.
"""

from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.document import Document
from communicator_impl.errors import InputError
from communicator_spec.errors import ErrorClass

__all__ = ["DOCUMENT_OPERATIONS"]


def _decode(c: Call) -> object:
    document = Document.decode(c.raw("document"), c["origin"])
    service, sender = document.receiving, document.sending
    if service is None:
        raise InputError(ErrorClass.UNKNOWN, "no receiving service")
    delays = [] if sender is None else list(sender.delay_mean_s)
    config = service.config
    return {"revision": document.revision, "config": config.encode(), "digest": config.digest(), "delays": delays}


DOCUMENT_OPERATIONS: dict[str, Operation] = {"document.decode": _decode}
