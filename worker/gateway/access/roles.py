"""Principals, and what their roles let them do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Role = Literal["viewer", "submitter", "approver", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)

EVERYWHERE = "*"
"""Stands for all namespaces."""

_IMPLIED: Mapping[Role, frozenset[Role]] = {
    "viewer": frozenset({"viewer"}),
    "submitter": frozenset({"viewer", "submitter"}),
    "approver": frozenset({"viewer", "approver"}),
    "admin": frozenset(ROLES),
}
"""Who may start runs may not decide about them, unless they are given both."""


@dataclass(frozen=True)
class Principal:
    """Somebody who has proved who they are.

    Attributes:
        name: What runs and decisions are recorded under.
        grants: Their roles by namespace; `*` is all namespaces.
    """

    name: str
    grants: Mapping[str, frozenset[Role]] = field(default_factory=dict[str, frozenset[Role]])

    def may(self, role: Role, namespace: str) -> bool:
        """Whether they have the role in a namespace, or one that includes it."""
        given = self.grants.get(namespace, frozenset()) | self.grants.get(EVERYWHERE, frozenset())
        return any(role in _IMPLIED[each] for each in given)

    def sees(self, namespace: str) -> bool:
        """Whether anything of a namespace is shown to them."""
        return self.may("viewer", namespace)

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The namespaces that they see; None is all."""
        if self.sees(EVERYWHERE):
            return None
        return frozenset(namespace for namespace, roles in self.grants.items() if roles)
