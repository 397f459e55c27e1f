"""NeMo-Gym: a resources server that verifies.

    # app.py
    from star_r1.nemo_gym import StarServer
    if __name__ == "__main__":
        StarServer.run_webserver()

A row holds ``target`` beside ``responses_create_params``, plain or packed, and task, references and options where there
are some. Settings of the reward stand in the server's configuration: ``settings: {preset: paper}``. The answer holds
``reward`` (the total), ``correct``, ``parsed``, ``prefilled``, ``unit`` and the parts, which NeMo-Gym averages; the
parts again as ``reward_components``; and the code of the ``fault``.
"""

from typing import Any

from rewards.messages import completion_text
from trainers.adapters.score_row import score_row


def __getattr__(name: str) -> Any:
    """Make the classes where NeMo-Gym is installed."""
    if name != "StarServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nemo_gym.base_resources_server import (
        BaseResourcesServerConfig,
        BaseVerifyRequest,
        BaseVerifyResponse,
        SimpleResourcesServer,
    )
    from pydantic import ConfigDict

    class StarConfig(BaseResourcesServerConfig):  # type: ignore[misc]
        """The server's configuration; settings are those of `score_completion`."""

        settings: dict[str, Any] = {}  # noqa: RUF012  pydantic copies it

    class StarRequest(BaseVerifyRequest):  # type: ignore[misc]
        """A row with what a model answered."""

        target: Any
        task: str | None = None
        references: Any = None
        relations: Any = None
        options: Any = None

    class StarResponse(BaseVerifyResponse):  # type: ignore[misc]
        """Its reward; each part is a field, too."""

        model_config = ConfigDict(extra="allow")
        correct: bool
        parsed: bool
        prefilled: bool
        fault: str | None
        reward_components: dict[str, float]

    class StarServer(SimpleResourcesServer):  # type: ignore[misc]
        """The server."""

        config: StarConfig

        async def verify(self, body: StarRequest) -> StarResponse:
            row = body.model_dump()
            output = body.response.output  # without items where a response was cut off before the first
            text = completion_text(output) if output else ""
            score = score_row(text, row["target"], row, **self.config.settings)
            found = {name: value for name, value in score.flat().items() if name not in ("total", "correct")}
            fault = None if score.fault is None else score.fault.code
            more = {"correct": score.correct, "fault": fault, "reward_components": dict(score.parts)}
            return StarResponse(**row, **found, **more, reward=score.total)

    return globals().setdefault(name, StarServer)
