"""From whatever goes wrong with a server to one `ToolError` that names it, says why, and how to mend it."""

from typing import TYPE_CHECKING

from ark_temporal.foreign_errors import causes, one_line
from ark_temporal.tools.mcp._scrub import Scrubber
from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.types import ToolError

if TYPE_CHECKING:
    import httpx2


class NotSpokenError(Exception):
    """The server plainly speaks something else. The text says how that shows."""


class SessionGoneError(Exception):
    """The server refused a request because it no longer knows the session: nothing was done."""


class Failures:
    """Makes the errors of one server."""

    def __init__(self, name: str, scrubber: Scrubber) -> None:
        self._name = name
        self._scrubber = scrubber

    def hide(self, secret: str) -> None:
        """Keep one more value out of all texts."""
        self._scrubber.add(secret)

    def clean(self, text: str) -> str:
        """A server's words without secrets."""
        return self._scrubber.clean(text)

    def unreachable(self, why: str, *, retryable: bool = True) -> ToolError:
        """The call did not get there."""
        text = f"could not be reached: {why}. Check that it runs, and its address"
        return ToolError("ToolUnreachable", self._text(text), sent=False, retryable=retryable)

    def lost(self, why: str) -> ToolError:
        """The connection ended while an answer was awaited."""
        text = f"ended before it answered: {why}. The call may have taken effect"
        return ToolError("ToolConnectionLost", self._text(text), sent=True, retryable=True)

    def timeout(self, seconds: float, *, sent: bool) -> ToolError:
        """No answer in time."""
        if not sent:
            return self.unreachable(f"the call could not be sent within {seconds:.3g} seconds")
        text = (
            f"gave no answer within {seconds:.3g} seconds. The call may still take effect; "
            "raise timeoutSeconds if it needs longer"
        )
        return ToolError("ToolTimeout", self._text(text), sent=True, retryable=True)

    def bad_reply(self, why: str, *, sent: bool, retryable: bool = False) -> ToolError:
        """An answer that is none."""
        text = f"sent no usable answer: {why}"
        return ToolError("ToolBadReply", self._text(text), sent=sent, retryable=retryable)

    def too_large(self, *, sent: bool) -> ToolError:
        """More than is read."""
        limit = MAX_ANSWER_BYTES // 1024 // 1024
        text = f"sends an answer of more than {limit} MiB. Ask it for less"
        return ToolError("ToolReplyTooLarge", self._text(text), sent=sent, retryable=False)

    def forbidden(self, why: str, mend: str) -> ToolError:
        """Somebody does not allow the call."""
        return ToolError("ToolForbidden", self._text(f"{why}. {mend}"), sent=False, retryable=False)

    def not_configured(self, why: str, mend: str) -> ToolError:
        """The manifest or the worker lacks something."""
        return ToolError("ToolNotConfigured", self._text(f"{why}. {mend}"), sent=False, retryable=False)

    def status(self, status: int) -> ToolError | None:
        """The error that a status is whatever was asked, if it is one."""
        match status:
            case 401 | 403:
                mend = "Check its token, headers or oauth."
                return self.forbidden(f"refused the worker's credentials (HTTP {status})", mend)
            case 429:
                return self.unreachable("it is asked too often (HTTP 429)")
            case 502 | 503 | 504:
                return self.lost(f"HTTP {status}")
            case _:
                return None

    def explain(self, raised: BaseException) -> ToolError | None:
        """The error behind an exception or a group of them, or None where none of them is understood."""
        for cause in causes(raised):
            error = self._explain_one(cause)
            if error is not None:
                return error
        return None

    def unsent(self, error: ToolError) -> ToolError:
        """The same error of a request that changes nothing, such as a handshake or a list."""
        if not error.sent:
            return error
        text = str(error).replace(" The call may have taken effect.", "")
        kind = "ToolUnreachable" if error.type == "ToolConnectionLost" else error.type
        return ToolError(kind, text, sent=False, retryable=error.retryable)

    def _explain_one(self, cause: BaseException) -> ToolError | None:
        import httpx2

        match cause:
            case ToolError():
                return cause
            case httpx2.PoolTimeout():
                return self.unreachable("all connections to it were busy all the time")
            case httpx2.ConnectTimeout():
                return self.unreachable("it did not accept a connection in time")
            case httpx2.ConnectError():
                return self.unreachable(self._reason(cause))
            case httpx2.UnsupportedProtocol() | httpx2.InvalidURL() | httpx2.LocalProtocolError():
                return self.not_configured("cannot be asked: the request is invalid", _mend_request(cause))
            case httpx2.DecodingError():
                return self.bad_reply("it cannot be decompressed", sent=True)
            case httpx2.TransportError() | OSError():
                return self.lost(self._reason(cause))
            case _:
                return None

    def _reason(self, cause: BaseException) -> str:
        return str(cause) or type(cause).__name__

    def _text(self, said: str) -> str:
        return f'MCP server "{self._name}" {self.quote(said.rstrip("."))}.'

    def quote(self, text: str) -> str:
        """A server's words: one line, without secrets, and not too many of them."""
        return one_line(self._scrubber.clean(text))


def _mend_request(cause: "httpx2.HTTPError | httpx2.InvalidURL") -> str:
    """A header's value may be in the SDK's own words, so they are not repeated."""
    if type(cause).__name__ == "LocalProtocolError":
        return "Check its headers: a value may hold no line break."
    return "Check its url: it begins with http:// or https://."
