"""A resources server of NeMo-Gym 0.7 that verifies: copy this folder to ``resources_servers/star``."""

from star_r1.nemo_gym import StarServer

if __name__ == "__main__":
    StarServer.run_webserver()
