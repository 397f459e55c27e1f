"""Small runs with images, as trainers leave them."""

from PIL import Image

from tests.json_lines import write as write_rows

TARGETS = ("2.color.cyan", "0.shape.cube, 1.size.small", "3.material.glass")
ANSWERS = (
    *("2.color.cyan", "2.color.red", "0.shape.cube, 1.size.small", "0.shape.cube, 1.size.small, 2.color.red"),
    *("3.material.glass", "none", "0.shape.cube", "2.texture.red"),
)


def completion(answer, think="Nothing else."):
    return f"<think>{think}</think><answer>{answer}</answer>"


def write_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for at, name in enumerate(names):
        Image.new("RGB", (40, 30), (40 + 20 * at, 90, 140)).save(folder / name)


def write_data(folder, prompts=3):
    """Write rows to train on with their images, as `star data` does."""
    names = [f"{at}-{when}.png" for at in range(prompts) for when in ("before", "after")]
    write_images(folder / "image", names)
    rows = [
        {
            "id": f"scene-{at}",
            "task": "tvr",
            "prompt": f"What changed in scene {at}?",
            "target": TARGETS[at % 3],
            "view": ("center", "left", "right")[at % 3],
            "images_file_names": [f"image/{at}-before.png", f"image/{at}-after.png"],
        }
        for at in range(prompts)
    ]
    write_rows(folder / "metadata.jsonl", rows)
    return rows


def write_run(folder, data, *, steps=(10, 20), prompts=3, shift=0, texts=ANSWERS):
    """Write tables of completions as TRL does, with the ids of the data and absolute paths of images."""
    for step in steps:
        table = [
            {
                "step": step,
                "prompt": [{"role": "user", "content": f"What changed in scene {at}?"}],
                "completion": [{"role": "assistant", "content": completion(texts[(at + each + shift) % len(texts)])}],
                "tvr_reward": 1.0,
                "advantage": 0.25,
                "id": f"scene-{at}",
                "target": TARGETS[at % 3],
                "view": ("center", "left", "right")[at % 3],
                "images_file_names": [str(data / "image" / f"{at}-{when}.png") for when in ("before", "after")],
            }
            for at in range(prompts)
            for each in range(4)
        ]
        write_rows(folder / "completions" / f"completions_{step:05}.jsonl", table)
        shift += 1
    return folder
