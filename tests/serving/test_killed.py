"""The command itself, killed in the middle of work and started again."""

import json
import re
import subprocess
import sys
import urllib.request

from crosslevel.annotate.drafts import Draft
from crosslevel.annotate.patches import checksum
from support.annotating import HEIGHT, TAB, WIDTH, open_session, write_images


def start(data, port=0):
    command = [sys.executable, "-m", "crosslevel", "annotate", str(data), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if found := re.search(r"http://127.0.0.1:(\d+)/#token=(\S+)", line):
            return server, int(found[1]), found[2]
    return server, said, server.wait()


def post(port, token, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/annotate/{path}?tab={TAB}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def test_server__that_is_killed_loses_nothing_that_it_answered(tmp_path):
    data = write_images(tmp_path, 2)
    server, port, token = start(data)
    try:
        base = checksum(open_session(data).draft(0).mask)
        for at in range(5):
            patch = {"x": 3 * at, "y": 1, "w": 2, "h": 2, "runs": [1, 4]}
            stroke = {"at": at, "tool": "brush", "patch": patch, "seconds": at, "base_crc": base}
            post(port, token, "images/0/stroke", stroke)
        second, said, code = start(data)
        assert (code, second.poll()) == (2, 2)
        assert f"is being annotated already, at http://127.0.0.1:{port}" in "".join(said)
    finally:
        server.kill()
        server.wait()
    server, again, same = start(data, port)
    try:
        assert (again, same) == (port, token)  # so that the page that is open goes on
        post(again, token, "images/0/cursor", {"cursor": 4, "seconds": 9})
    finally:
        server.terminate()
        assert server.wait(timeout=30) == 0
    [folder] = (data / ".crosslevel/drafts").iterdir()
    draft = Draft.load(folder, (HEIGHT, WIDTH), 1)
    assert draft is not None
    assert (len(draft.strokes), draft.cursor, int(draft.mask.sum())) == (5, 4, 16)
