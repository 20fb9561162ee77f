import subprocess
import sys

HEAVY = ("anthropic", "openai", "google.genai", "temporalio", "httpx2", "httpx", "yaml")


def test_importing_the_package_loads_no_sdk() -> None:
    program = f"import sys, ark_temporal.llm; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
