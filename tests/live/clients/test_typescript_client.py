"""The TypeScript package, as `npm pack` builds it, works in an otherwise empty folder."""

import json
import re
from pathlib import Path

from tests.live.callers.documents import DOCUMENTED_URL, texts_of
from tests.live.clients.conftest import Portal
from tests.live.clients.packages import compile_typescript, run_typescript
from tests.live.clients.test_python_client import EXPECTED as EXPECTED_OF_PYTHON

SCENARIOS = Path(__file__).with_name("scenarios.mjs")
EXPECTED = EXPECTED_OF_PYTHON | {
    "five minutes": ["answered", 1],
    "lost answer": ["answered", 1, 1],
    "unsendable": ["TypeError"] * 4,  # raised at once, not only after the deadline
    "blanks around the key": True,
}
USE = """
import { Client } from "order-n-pay";

const client = new Client("http://127.0.0.1:8000", "key");
const options = { device_id: "kiosk-1" };
export async function owing(): Promise<number | undefined> {
    const answer = await client.send("harbour", "GetOpenOrders", {}, options);
    // @ts-expect-error: a PIN is required
    await client.send("harbour", "GetUserFromPIN", {}, options);
    const byNumber = await client.send("harbour", 77, { Anything: [1] }, options);
    console.log(byNumber.outcome, byNumber.payload);
    return answer.payload?.Orders[0]?.AmountOwing;
}
"""


def test_each_scenario_ends_as_documented(folder: Path, portal: Portal) -> None:
    assert (
        json.loads(run_typescript(folder, portal.env, SCENARIOS, portal.stack.base_url, portal.lossy_url)) == EXPECTED
    )


def test_its_types_check_what_a_caller_writes_and_have_no_any(folder: Path) -> None:
    (folder / "use.ts").write_text(USE)
    compile_typescript(folder, "--noEmit", "--lib", "es2022,dom", "use.ts")
    for path in (folder / "node_modules" / "order-n-pay" / "dist").glob("*.d.ts"):
        assert not re.search(
            r":\s*any\b|<any\b|\bas any\b", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        ), path


def test_the_examples_of_the_readme_print_what_they_say(folder: Path, portal: Portal) -> None:
    blocks = texts_of("clients/typescript/README.md", "js")
    program = folder.parent / "readme.mjs"
    program.write_text("\n".join(blocks).replace(DOCUMENTED_URL, portal.stack.base_url))
    expected = re.findall(r"console\.log\(.*\); // (.+)$", "\n".join(blocks), flags=re.MULTILINE)
    assert run_typescript(folder, portal.env, program).splitlines() == expected
