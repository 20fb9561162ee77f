"""What was loaded: the resources, where each was written, and the findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from pydantic import SecretStr

from ark_temporal.manifests.ark_flow import ArkFlow, flow_as_team
from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.base import DEFAULT_NAMESPACE, Resource, ResourceKey
from ark_temporal.manifests.diagnostics import Diagnostic, Location
from ark_temporal.manifests.kubernetes import ConfigMap, Secret
from ark_temporal.manifests.origins import Origin

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True)
class Loaded:
    """A resource and where it was written."""

    resource: Resource
    origin: Origin = field(repr=False)


@dataclass(frozen=True)
class Bundle:
    """Everything that was loaded together.

    Attributes:
        loaded: The resources with their origins, in the order read. Where an object has errors it may be
            missing here, or be there without the parts that are wrong.
        diagnostics: All findings, sorted by place.
        broken: Objects that were written but could not be read.
        complete: Whether all files were read to their end.
    """

    loaded: tuple[Loaded, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    broken: frozenset[ResourceKey] = field(default=frozenset(), repr=False)
    complete: bool = field(default=True, repr=False)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that forbid running."""
        return tuple(each for each in self.diagnostics if each.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The findings that a person should look at."""
        return tuple(each for each in self.diagnostics if each.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """All resources, in the order read."""
        return tuple(each.resource for each in self.loaded)

    @cached_property
    def teams(self) -> tuple[ArkTeam, ...]:
        """All teams, in the order read; flows are read as teams."""
        found = (self._flows.get(id(each), each) for each in self.resources)
        return tuple(each for each in found if isinstance(each, ArkTeam))

    @cached_property
    def flow_teams(self) -> tuple[ArkTeam, ...]:
        """The teams that were written as flows."""
        return tuple(self._flows.values())

    def all(self, kind: type[R]) -> tuple[R, ...]:
        """All resources of one kind, in the order read."""
        return tuple(each for each in self.resources if isinstance(each, kind))

    def find(self, kind: type[R], name: str, namespace: str = DEFAULT_NAMESPACE) -> R | None:
        """The resource of a kind with a name in a namespace, if there is one."""
        found = self._by_key.get((kind.KIND, namespace, name))
        return found if isinstance(found, kind) else None

    def find_team(self, name: str, namespace: str = DEFAULT_NAMESPACE) -> ArkTeam | None:
        """The team, or the flow read as a team, with a name in a namespace, if there is one."""
        wanted = (namespace, name)
        return next((each for each in self.teams if each.key[1:] == wanted), None)

    def origin(self, resource: Resource) -> Origin:
        """Where a resource of this bundle was written.

        Raises:
            KeyError: The resource is not of this bundle.
        """
        return self._origins[id(resource)]

    def location(self, resource: Resource, *path: str | int) -> Location:
        """Where a part of a resource was written, by manifest names and list indices.

        For a part that is not written: where its nearest parent is.

        Raises:
            KeyError: The resource is not of this bundle.
        """
        return self.origin(resource).location(path)

    @cached_property
    def secrets(self) -> Mapping[tuple[str, str], Mapping[str, SecretStr]]:
        """Decoded values of all Secrets by (namespace, name), masked."""
        return {each.key[1:]: each.values for each in self.all(Secret)}

    @cached_property
    def config_maps(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """Values of all ConfigMaps by (namespace, name)."""
        return {each.key[1:]: each.values for each in self.all(ConfigMap)}

    @cached_property
    def _by_key(self) -> Mapping[ResourceKey, Resource]:
        return {each.key: each for each in reversed(self.resources)}

    @cached_property
    def _flows(self) -> Mapping[int, ArkTeam]:
        return {id(flow): flow_as_team(flow) for flow in self.all(ArkFlow)}

    @cached_property
    def _origins(self) -> Mapping[int, Origin]:
        origins = {id(each.resource): each.origin for each in self.loaded}
        return origins | {id(team): origins[flow] for flow, team in self._flows.items()}
