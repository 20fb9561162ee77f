"""What is found while manifests are compiled, and whether it forbids running."""

from collections.abc import Iterable, Sequence

from ark_temporal.manifests import Bundle, Diagnostic
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.origins import Finding
from ark_temporal.plan.unsupported import Path, Unsupported


class CompileError(ValueError):
    """A manifest's team or agent cannot be made into a plan.

    Attributes:
        diagnostics: Why, each with its place.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))
        self.diagnostics = tuple(diagnostics)


class Findings:
    """Collects what the authors of manifests should know, each thing once."""

    def __init__(self, bundle: Bundle, *, ignore_unsupported: bool) -> None:
        """Begin with nothing.

        Args:
            bundle: The manifests.
            ignore_unsupported: Whether to do without what is not carried out yet, and only warn.
        """
        self._bundle = bundle
        self._ignore_unsupported = ignore_unsupported
        self._found: dict[Diagnostic, None] = {}

    def add(self, resource: Resource, *findings: Finding) -> None:
        """Keep what was found in a resource."""
        origin = self._bundle.origin(resource)
        self._found.update(dict.fromkeys(origin.diagnose(finding) for finding in findings))

    def note(self, resource: Resource, at: Path, found: Iterable[Unsupported]) -> None:
        """Keep what is not carried out, as an error or a warning."""
        for one in found:
            refused = one.weight == "changes" and not self._ignore_unsupported
            hint = "Run without it by --ignore-unsupported." if refused else ""
            severity = "error" if refused else "warning"
            self.add(resource, Finding((*at, *one.path), "not-supported-yet", one.message, hint, severity))

    def warnings(self) -> tuple[Diagnostic, ...]:
        """All that was found, if nothing of it forbids running.

        Raises:
            CompileError: Something does.
        """
        errors = [each for each in self._found if each.severity == "error"]
        if errors:
            raise CompileError(errors)
        return tuple(self._found)
