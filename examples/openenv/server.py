"""The server of ``openenv.yaml``: rows of a file, one after the other; an action is a completion and ends the episode.

``ROWS=rows.jsonl uvicorn server:app --port 8000``. Rows hold prompt, target and, of questions, references and
options.
"""

import itertools
import json
import os
from pathlib import Path

from openenv.core.env_server import Action, Environment, Observation, State, create_app

from star_r1.openenv import StarRubric


class StarAction(Action):
    message: str


class StarObservation(Observation):
    prompt: str | None = None


class StarEnvironment(Environment):
    def __init__(self) -> None:
        super().__init__(rubric=StarRubric(os.environ.get("TASK", "tvr"), preset=os.environ.get("PRESET", "default")))
        lines = Path(os.environ["ROWS"]).read_text("utf-8").splitlines()
        self.rows = itertools.cycle([json.loads(line) for line in lines])
        self.row: dict = {}
        self._state = State()

    def reset(self, **_: object) -> StarObservation:
        self.row, self._state = next(self.rows), State()
        return StarObservation(prompt=self.row["prompt"])

    def step(self, action: StarAction, **_: object) -> StarObservation:
        self._state.step_count += 1
        gold = {name: self.row.get(name) for name in ("target", "references", "relations", "options", "task")}
        reward = self.rubric(action, gold)
        return StarObservation(done=True, reward=reward, metadata=self.rubric.last)

    @property
    def state(self) -> State:
        return self._state


app = create_app(StarEnvironment, StarAction, StarObservation, env_name="star")
