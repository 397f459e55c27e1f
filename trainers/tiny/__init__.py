"""A small world for the two stages: scenes, demonstrations, and a tiny model of a real class from local parts."""
