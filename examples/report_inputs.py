"""Writes invented inputs for a report: two runs on the same scenes with images, and a training run's completions.

    python examples/report_inputs.py /tmp/report
    cd /tmp/report
    star score before.jsonl --benchmark tvr --json > before.json
    star score after.jsonl --benchmark tvr --json > after.json
    star score after.jsonl --task trance --json > rewards.json
    star report before.json after.json rewards.json training=completions/ -o report.html

Nothing in them was measured: scenes, images and answers come from a random generator, and so does the improvement.
"""

import json
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

COLORS = {"gray": "#8c8c8c", "red": "#c43b3b", "blue": "#3b62c4", "green": "#3b9a4c"}
COLORS |= {"brown": "#8a5a33", "purple": "#7d45a8", "cyan": "#35b3b8", "yellow": "#d8c33a"}
VALUES = {
    "color": tuple(COLORS),
    "shape": ("cube", "sphere", "cylinder"),
    "size": ("small", "medium", "large"),
    "material": ("rubber", "metal", "glass"),
}
RADII = {"small": 7, "medium": 11, "large": 16}
VIEWS = ("center", "left", "right")
PROMPT = (
    "The first image shows {n} objects, listed by index: {objects}. The second image shows the scene after some "
    "changes, seen from the {view}. Write each change as index.attribute.value, first <think>...</think>, then "
    "<answer>...</answer>."
)


def make_scene(rng: random.Random) -> list[dict]:
    """Return one to ten objects on a grid, none on top of another."""
    places = rng.sample([(x, y) for x in (-18, -5, 8) for y in (-20, -7, 6, 19)], rng.randint(1, 10))
    return [{**{name: rng.choice(values) for name, values in VALUES.items()}, "position": place} for place in places]


def make_changes(rng: random.Random, scene: list[dict]) -> list[dict]:
    """Return one to four changes of different cells, each to another value."""
    cells = [(index, name) for index in range(len(scene)) for name in VALUES]
    chosen = rng.sample(cells, rng.randint(1, min(4, len(cells))))
    return [
        {"obj_idx": index, "attr": name, "val": rng.choice([v for v in VALUES[name] if v != scene[index][name]])}
        for index, name in chosen
    ]


def guess(rng: random.Random, changes: list[dict], n: int, skill: float) -> list[tuple]:
    """Return what a model of some skill would answer."""
    said = []
    for change in changes:
        luck = rng.random()
        index, name, value = change["obj_idx"], change["attr"], change["val"]
        if luck < skill:
            said.append((index, name, value))
        elif luck < skill + 0.6 * (1 - skill):
            said.append((index, name, rng.choice(VALUES[name])))
        elif luck < skill + 0.8 * (1 - skill):
            said.append((rng.randrange(n), name, value))
    return said


def write_completion(rng: random.Random, answer: list[tuple], n: int, words: int, skill: float) -> str:
    """Return a completion; now and then one with broken tags."""
    views = " ".join(f"Object {rng.randrange(n)} stands beside object {rng.randrange(n)}." for _ in range(words // 6))
    text = ", ".join(".".join(map(str, each)) for each in answer) or "none"
    if rng.random() < 0.12 * (1 - skill):
        return f"<think>View 1: {views} So the answer is {text}"
    if rng.random() < 0.08 * (1 - skill):
        return f"<think>View 1: {views}</think><answer>{text}, 2.texture.shiny</answer>"
    think = f"View 1: {views} Comparing both views, the unchanged objects anchor the rest."
    return f"<think>{think}</think><answer>{text}</answer>"


def draw(scene: list[dict], view: str, path: Path) -> None:
    """Draw a scene from above and in front, from the far objects to the near ones."""
    image = Image.new("RGB", (320, 240), "#cfd3d8")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 320, 70), fill="#b9bec6")
    shift = {"center": 0.0, "left": 0.3, "right": -0.3}[view]
    for each in sorted(scene, key=lambda thing: -thing["position"][0]):
        x, y = each["position"]
        left, top, r = 160 + 5.6 * (y + shift * x), 132 - 3.2 * x, RADII[each["size"]] * (1 - 0.008 * x)
        pen.ellipse((left - r, top + r * 0.5, left + r * 1.5, top + r * 1.15), fill="#a4a9b1")
        box = (left - r, top - r, left + r, top + r)
        edge = {"rubber": None, "metal": "#f2f2f2", "glass": "#3a3f46"}[each["material"]]
        shape = {
            "cube": pen.rectangle,
            "sphere": pen.ellipse,
            "cylinder": lambda b, **k: pen.rounded_rectangle(b, 6, **k),
        }
        shape[each["shape"]](box, fill=COLORS[each["color"]], outline=edge, width=2)
        pen.ellipse((left - r * 0.55, top - r * 0.65, left - r * 0.2, top - r * 0.3), fill="#ffffff")
    image.save(path, quality=85)


def main(folder: Path) -> None:
    """Write before.jsonl, after.jsonl, images/ and completions/."""
    rng = random.Random(7)  # noqa: S311  nothing secret
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "completions").mkdir(exist_ok=True)
    runs = {"before": [], "after": []}
    for number in range(500):
        scene = make_scene(rng)
        changes = make_changes(rng, scene)
        final = [dict(each) for each in scene]
        for change in changes:
            final[change["obj_idx"]][change["attr"]] = change["val"]
        names = [f"images/{number:03}-start.jpg", *(f"images/{number:03}-{view}.jpg" for view in VIEWS)]
        draw(scene, "center", folder / names[0])
        listed = "; ".join(f"{i}: " + " ".join(each[name] for name in reversed(VALUES)) for i, each in enumerate(scene))
        for at, view in enumerate(VIEWS):
            draw(final, view, folder / names[at + 1])
            row = {
                "id": f"scene-{number:03}-{view}",
                "prompt": PROMPT.format(n=len(scene), objects=listed, view=view),
                "images": [names[0], names[at + 1]],
                "view": view,
                "scene": number,
                "initial_objects": scene,
                "transformations": changes,
            }
            for name, strength in (("before", 0.8), ("after", 1.0)):
                skill = strength * (0.96 if view == "center" else 0.86) - 0.02 * len(scene)
                said = guess(rng, changes, len(scene), skill)
                completion = write_completion(rng, said, len(scene), 60, skill)
                runs[name].append({**row, "completion": completion})
    for name, rows in runs.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for step in range(0, 400, 10):
        words = 200 - 110 * min(step, 80) / 80 + 60 * max(0, min(step - 80, 240)) / 240
        rows = []
        for _ in range(16):
            skill = min(0.95, 0.4 + step / 600)
            text = write_completion(rng, [(0, "color", "red")], 5, int(words * rng.uniform(0.7, 1.4)), skill)
            rows.append({"step": step, "prompt": "...", "completion": text, "tvr_reward": 6 * skill + rng.gauss(0, 1)})
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "completions" / f"completions_{step:05}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
