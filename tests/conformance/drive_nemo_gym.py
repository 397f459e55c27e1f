"""NeMo-Gym: the resources server over its own HTTP routes, with messages and with reasoning items."""

from __future__ import annotations

from unittest.mock import MagicMock

from fastapi.testclient import TestClient
from nemo_gym.server_utils import ServerClient

from star_r1.nemo_gym import StarServer
from results import QUESTIONS, TVR, reasoning, report


def body(row, apart, column):
    think, rest = reasoning(row) if apart else (None, row["text"])
    items = [{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": think}]}] if think else []
    text = {"type": "output_text", "text": rest, "annotations": []}
    items.append({"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]})
    response = {
        "id": "x", "created_at": 0, "model": "m", "object": "response", "output": items, "parallel_tool_calls": False,
        "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    columns = {} if column == "gold" else {name: row.get(name) for name in ("references", "options")}
    return {
        "responses_create_params": {"input": "q"},
        "response": response,
        "target": row[column],
        "task": row["task"],
        **columns,
    }


def main():
    config = StarServer.model_fields["config"].annotation(host="127.0.0.1", port=0, entrypoint="", name="star")
    server = StarServer(config=config, server_client=MagicMock(spec=ServerClient))
    client = TestClient(server.setup_webserver())
    for apart in (False, True):
        for rows, column in ((TVR, "gold"), (QUESTIONS, "target"), (QUESTIONS, "gold")):
            answers = [client.post("/verify", json=body(row, apart, column)) for row in rows]
            assert all(each.status_code == 200 for each in answers), next(
                each.text for each in answers if each.status_code != 200
            )
            found = [each.json() for each in answers]
            assert all(abs(sum(each["reward_components"].values()) - each["reward"]) < 1e-9 for each in found)
            kind = "reasoning apart" if apart else "messages"
            report(
                f"/verify, {rows[0]['task']}, {column}, {kind}",
                rows,
                [each["reward"] for each in found],
                set.intersection(*map(set, found)),
            )


if __name__ == "__main__":
    main()
