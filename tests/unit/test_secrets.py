"""Where a worker finds the values behind the names in a plan."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ark_temporal.plan.model import EnvSource, KeyRef
from ark_temporal.secrets import DirectoryStore, MappingStore, Secrets, SecretStore
from ark_temporal.secrets.stores import MAX_VALUE_BYTES


def put(file: Path, value: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(value if isinstance(value, bytes) else value.encode())


def held(*stores: SecretStore, **environment: str) -> Secrets:
    return Secrets(stores, environment)


def memory(values: Mapping[str, str], kind: str = "Secret") -> MappingStore:
    """A store with one object, "keys" in "default"."""
    return MappingStore({("ConfigMap" if kind == "ConfigMap" else "Secret", "default", "keys"): values})


KEYS = (EnvSource(name="keys"),)


@pytest.mark.parametrize("layout", ["press/keys", "keys"])
async def test_both_layouts_of_a_directory_are_read(tmp_path: Path, layout: str) -> None:
    put(tmp_path / layout / "OPENAI_API_KEY", "sk-one\n")
    put(tmp_path / layout / "prompt.txt", "Two\nlines\r\n")
    found = await DirectoryStore(tmp_path).read("Secret", "press", "keys")
    assert found == {"OPENAI_API_KEY": "sk-one", "prompt.txt": "Two\nlines"}


async def test_the_folder_of_a_namespace_wins(tmp_path: Path) -> None:
    put(tmp_path / "keys" / "K", "shared")
    put(tmp_path / "press" / "keys" / "K", "own")
    store = DirectoryStore(tmp_path)
    assert await store.read("Secret", "press", "keys") == {"K": "own"}
    assert await store.read("Secret", "other", "keys") == {"K": "shared"}


async def test_kubernetes_own_files_are_no_keys(tmp_path: Path) -> None:
    mounted = tmp_path / "keys"
    put(mounted / "..2026_03_01" / "K", "value")
    (mounted / "..data").symlink_to("..2026_03_01")
    (mounted / "K").symlink_to("..data/K")
    put(mounted / "folder" / "x", "not a key")
    assert await DirectoryStore(tmp_path).read("Secret", "default", "keys") == {"K": "value"}


async def test_a_rotated_value_is_seen_at_the_next_read(tmp_path: Path) -> None:
    secrets = held(DirectoryStore(tmp_path))
    for value in ("sk-first", "sk-second"):
        put(tmp_path / "keys" / "K", value)
        assert (await secrets.environment(KEYS, "default")).values["K"] == value


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("..", "outside"),
        ("default", ".."),
        ("default", "../../outside"),
        ("default", "../outside"),
        ("default", "{root}/../outside"),
        ("{root}/../outside", "keys"),
        ("default", "press/keys"),
        ("default", "."),
        ("default", ""),
        ("", "press"),
        (".", "press"),
        ("default", "press\0"),
        ("default", "k" * 5000),
    ],
)
async def test_names_lead_nowhere_else(tmp_path: Path, namespace: str, name: str) -> None:
    root = tmp_path / "root"
    put(tmp_path / "outside" / "K", "stolen")
    put(tmp_path / "outside" / "keys" / "K", "stolen")
    put(root / "press" / "keys" / "K", "another namespace's")
    put(root / "press" / "K", "another namespace's")
    store = DirectoryStore(root)
    assert await store.read("Secret", namespace.format(root=root), name.format(root=root)) is None


@pytest.mark.parametrize("value", [b"\xff\xfe", b"x" * (MAX_VALUE_BYTES + 1)])
async def test_a_file_that_cannot_be_a_value_is_named_without_its_content(
    tmp_path: Path, value: bytes
) -> None:
    put(tmp_path / "keys" / "K", value)
    with pytest.raises(ValueError, match=r'The file K of Secret "default/keys"') as caught:
        await DirectoryStore(tmp_path).read("Secret", "default", "keys")
    assert len(str(caught.value)) < 200
    assert caught.value.__cause__ is None


async def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    put(tmp_path / "keys" / "K", b"x" * MAX_VALUE_BYTES)
    found = await DirectoryStore(tmp_path).read("ConfigMap", "default", "keys")
    assert found is not None
    assert len(found["K"]) == MAX_VALUE_BYTES


async def test_a_roles_values_win_over_the_workers() -> None:
    secrets = held(memory({"K": "the role's"}), K="the worker's", PATH="/bin")
    assert (await secrets.environment(KEYS, "default")).values == {"K": "the role's", "PATH": "/bin"}
    assert (await secrets.environment((), "default")).values["K"] == "the worker's"


async def test_later_sources_win_and_prefixes_are_put_before_keys() -> None:
    store = MappingStore(
        {
            ("Secret", "default", "one"): {"K": "1", "L": "1"},
            ("ConfigMap", "default", "two"): {"K": "2"},
        }
    )
    sources = (
        EnvSource(name="one"),
        EnvSource(kind="ConfigMap", name="two"),
        EnvSource(name="one", prefix="P_"),
    )
    assert (await held(store).environment(sources, "default")).values == {
        "K": "2",
        "L": "1",
        "P_K": "1",
        "P_L": "1",
    }


async def test_the_first_store_that_knows_a_name_answers() -> None:
    secrets = held(memory({}), memory({"K": "second"}))
    assert (await secrets.environment(KEYS, "default")).values == {}
    assert (await held(MappingStore({}), memory({"K": "second"})).environment(KEYS, "default")).values == {
        "K": "second"
    }


async def test_what_is_missing_is_warned_about_and_the_workers_environment_serves() -> None:
    environment = await held(K="the worker's").environment(KEYS, "press")
    assert environment.values == {"K": "the worker's"}
    [warning] = environment.warnings
    assert 'Secret "press/keys"' in warning


async def test_a_secret_is_not_a_config_map_of_the_same_name() -> None:
    secrets = held(memory({"K": "v"}))
    assert (await secrets.environment((EnvSource(kind="ConfigMap", name="keys"),), "default")).warnings
    assert await secrets.text(KeyRef(kind="ConfigMap", name="keys", key="K"), "default") is None


async def test_one_key_is_read_by_its_name() -> None:
    secrets = held(memory({"prompt": "Be brief."}))
    assert await secrets.text(KeyRef(name="keys", key="prompt"), "default") == "Be brief."
    assert await secrets.text(KeyRef(name="keys", key="other"), "default") is None
    assert await secrets.text(KeyRef(name="keys", key="prompt"), "press") is None


async def test_values_of_secrets_are_taken_out_of_texts_and_those_of_config_maps_are_not() -> None:
    secret = await held(memory({"K": "sk-abc", "LONGER": "sk-abc-def"})).environment(KEYS, "default")
    assert secret.scrub("key sk-abc-def, key sk-abc.") == "key [redacted], key [redacted]."
    source = (EnvSource(kind="ConfigMap", name="keys"),)
    plain = await held(memory({"K": "eu-west-1"}, "ConfigMap")).environment(source, "default")
    assert plain.scrub("in eu-west-1") == "in eu-west-1"


async def test_short_values_stay_or_texts_would_be_garbled() -> None:
    environment = await held(memory({"K": "mock", "L": ""})).environment(KEYS, "default")
    assert environment.scrub("the mock model") == "the mock model"


async def test_the_workers_own_provider_keys_are_taken_out_too() -> None:
    environment = await held(OPENAI_API_KEY="sk-worker", HOME="/home/me").environment((), "default")
    assert environment.scrub("sk-worker in /home/me") == "[redacted] in /home/me"


async def test_a_role_that_names_its_own_server_does_not_get_the_workers_key() -> None:
    worker = {"OPENAI_API_KEY": "sk-worker", "ANTHROPIC_API_KEY": "sk-other"}
    theirs = await Secrets([memory({"OPENAI_BASE_URL": "http://theirs"})], worker).environment(
        KEYS, "default"
    )
    assert "OPENAI_API_KEY" not in theirs.values
    assert theirs.values["ANTHROPIC_API_KEY"] == "sk-other"
    both = memory({"OPENAI_BASE_URL": "http://theirs", "OPENAI_API_KEY": "sk-theirs"})
    assert (await Secrets([both], worker).environment(KEYS, "default")).values[
        "OPENAI_API_KEY"
    ] == "sk-theirs"


async def test_an_environment_does_not_show_its_values() -> None:
    assert "sk-abc" not in repr(await held(memory({"K": "sk-abc"}), W="sk-abc").environment(KEYS, "default"))


async def test_a_source_that_may_be_missing_is_not_warned_about() -> None:
    sources = (EnvSource(name="gone", optional=True), EnvSource(name="lost"))
    (warning,) = (await held(memory({"K": "v"})).environment(sources, "default")).warnings
    assert "lost" in warning
