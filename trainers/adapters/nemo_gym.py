"""NeMo-Gym: a resources server that verifies.

    # app.py
    from star_r1.nemo_gym import StarServer
    if __name__ == "__main__":
        StarServer.run_webserver()

A row holds ``target`` beside ``responses_create_params``, plain or packed, and task, references and options where there
are some. The answer holds ``reward`` (the total), ``correct`` and ``reward_components`` (the parts).
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

    class StarRequest(BaseVerifyRequest):  # type: ignore[misc]
        """A row with what a model answered."""

        target: Any
        task: str | None = None
        references: Any = None
        relations: Any = None
        options: Any = None

    class StarResponse(BaseVerifyResponse):  # type: ignore[misc]
        """Its reward."""

        correct: bool
        reward_components: dict[str, float]

    class StarServer(SimpleResourcesServer):  # type: ignore[misc]
        """The server."""

        config: BaseResourcesServerConfig

        async def verify(self, body: StarRequest) -> StarResponse:
            row = body.model_dump()
            score = score_row(completion_text(body.response.output), row["target"], row)
            return StarResponse(**row, reward=score.total, correct=score.correct, reward_components=dict(score.parts))

    return globals().setdefault(name, StarServer)
