"""If a POS's answer is unreadable, the portal still finds the request that was answered, and that request fails."""

import asyncio
import json
import time
from urllib.parse import quote

import pytest

from integrations.models import Request, UnrecognisedFrame
from integrations.pos import mentions
from integrations.pos.link import BROKEN_TEXT
from integrations.wire import envelope
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import InProcess, in_main, recorded

ID, OTHER = "b90066de-1a2b-4c3d-8e9f-0123456789ab", "c90066de-1a2b-4c3d-8e9f-0123456789ab"
ANSWER = f'{{"RequestID": "{ID}", "ResultCode": 0}}'
UNREADABLE: dict[str, str | bytes] = {
    "names without quotes": ANSWER.replace('"RequestID"', "RequestID").replace('"ResultCode"', "ResultCode"),
    "wrapped": f'{{"Response": {ANSWER}}}',
    "in a list": f"[{ANSWER}]",
    "serialised three times": json.dumps(json.dumps(ANSWER)),
    "another name": ANSWER.replace("RequestID", "request_id"),
    "a blank in the name": ANSWER.replace("RequestID", " RequestID"),
    "a byte order mark in the name": ANSWER.replace("RequestID", "\ufeffRequestID"),
    "a dotted I in the name": ANSWER.replace("RequestID", "REQUEST\u0130D"),
    "the ID alone": f'{{"RequestID": "{ID}"}}',
    "a broken byte in the ID": ANSWER.encode().replace(b"-8e9f", b"-\xff8e9f"),
    "a broken byte in the name": ANSWER.encode().replace(b"RequestID", b"RequestID\xff"),
    "UTF-16 and a NUL": ANSWER.encode("utf-16") + b"\0",
    "UTF-16 and three NULs": ANSWER.encode("utf-16-be") + b"\0\0\0",
    "XML": f"<Response><RequestID>{ID.upper()}</RequestID></Response>",
    "a form": f"RequestID={ID}&ResultCode=0",
    "percent-encoded": quote(ANSWER),
    "cut after the ID": f'{{"requestId" : "{ID}',
    "cut in the ID": f'{{"requestId" : "{ID[:20]}',
    "no hyphens": ANSWER.replace(ID, ID.replace("-", "")).replace('"', ""),
    "YAML": f"RequestID: {{{ID}}}\nResultCode: 0\n",
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_an_unreadable_answer_leads_to_its_request(how: str) -> None:
    assert mentions.find(UNREADABLE[how], [OTHER, ID, "1"]) == ID


@pytest.mark.parametrize(
    ("text", "request_id"),
    [
        ('{RequestID: "1", ResultCode: 0}', "1"),
        ("RequestID=ORDER-1&ResultCode=0", "order-1"),
        ("'1'\r\n", "1"),
        ('{"Response": {"Id": "order-2026-0000001"}}', "order-2026-0000001"),
        ("\ufffdr-1\ufffd", "r-1"),
        (f'{{Payload: {{Orders: ["{OTHER}"]}}, RequestID: "{ID}"}}', ID),
    ],
)
def test_a_request_with_a_custom_id_is_found(text: str, request_id: str) -> None:
    assert mentions.find(text, ["1", "order-1", "order-12", "order-2026-0000001", "r-1", ID, OTHER]) == request_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"Event": "printed", "Number": 1}',
        '{RequestID: "11"}',
        '{RequestID: "1-1"}',
        "RequestID=order-2026-00000012",
        '{"Id": "order-2026-00000012"}',
        f'["{ID}", "{OTHER}"]',
        f'[{{"RequestID": "{ID}"}}, {{"RequestID": "{OTHER}"}}]',
        '{"requestId" : "b9',
    ],
)
def test_a_frame_that_names_another_request_or_several_matches_none(text: str) -> None:
    assert mentions.find(text, ["1", "order-2026-0000001", ID, OTHER]) is None


@pytest.mark.parametrize("part", ["x", "requestid", "request_", 'requestid"', "requestid=0 ", ID[:-1], "\u00df", "\0"])
def test_a_frame_of_one_mebibyte_is_searched_quickly(part: str) -> None:
    ids = [f"{number:08x}{ID[8:]}" for number in range(8)]
    text = part * (2**20 // len(part.encode()))
    begin = time.process_time()
    assert mentions.find(text, ids) is None
    assert mentions.find(text.encode(), ids) is None
    assert time.process_time() - begin < 1


class Answering(InProcess):
    async def test_the_request_fails_and_the_connection_stays_open(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            for how, content in UNREADABLE.items():
                asking = asyncio.ensure_future(backend.ask(outlet, request_id=ID, timeout=10))
                await pos.next_frame()
                raw = content if isinstance(content, bytes) else content.encode()
                pos.send({"type": "websocket.receive", "bytes": raw, BROKEN_TEXT: isinstance(content, bytes)})
                answer = (await asking).json()
                assert answer["detail"] in (envelope.NOT_JSON, envelope.NOT_UTF8, envelope.NO_ANSWER), how
                await in_main(Request.objects.all().delete)
            await pos.disconnect()
        await recorded()
        assert not await in_main(UnrecognisedFrame.objects.exists)

    async def test_a_late_answer_ends_no_other_request_that_it_lists(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            asking = asyncio.ensure_future(backend.ask(outlet, request_id=ID, timeout=10))
            frame = await pos.next_frame()
            pos.answers({"RequestID": OTHER}, json.dumps({"RequestID": ID}))
            pos.send_text(f'{{"RequestID": "{OTHER}", "ResultCode": 0, "Payload": ["{ID}",]}}')
            pos.answers(frame)
            assert (await asking).status == 200
