"""A slow, obviously right twin of TVR's scorer, one row at a time, on the records as they are."""

import math

VOCABULARY = {
    "color": ["gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"],
    "shape": ["cube", "sphere", "cylinder"],
    "size": ["large", "medium", "small"],
    "material": ["rubber", "metal", "glass"],
}
ATTRIBUTES = [*VOCABULARY, "position"]
RADIUS = {"large": 6, "medium": 4, "small": 2}
AXIS = {"behind": (0, 1), "front": (0, -1), "right": (1, 1), "left": (1, -1)}


def split_move(value):
    """'front-left.2' or ['front-left', 2] -> (['front', 'left'], 2), or None."""
    if isinstance(value, str):
        value = value.split(".")
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    direction, step = value
    moves = [f"{a}{b}" for a in ("behind", "front") for b in ("", "-left", "-right")] + ["left", "right"]
    if direction not in moves or step not in (1, 2, "1", "2"):
        return None
    return direction.split("-"), int(step)


def read_step(item, n_objects, attributes):
    """Return (index, attribute, value) of a step that can be carried out, or None."""
    try:
        if isinstance(item, dict):
            item = (item["obj_idx"], item["attr"], item["val"])
        index, attribute, value = item
    except (KeyError, TypeError, ValueError):
        return None
    if index not in range(n_objects) or attribute not in attributes:
        return None
    if attribute == "position":
        return (int(index), attribute, value) if split_move(value) else None
    return (int(index), attribute, value) if value in VOCABULARY[attribute] else None


def is_visible(place):
    return -20 <= place[0] <= 20 and -20 <= place[1] <= 20


def is_inside(place):
    return -40 <= place[0] <= 40 and -40 <= place[1] <= 40


def touches(objects, index):
    one = objects[index]
    for k, other in enumerate(objects):
        needed = RADIUS[one["size"]] + RADIUS[other["size"]] + 1
        if k != index and math.dist(one["position"], other["position"]) + 1e-4 < needed:
            return True
    return False


def carry_out(objects, steps, attributes):
    """Return (objects after, overlap, left the world, number of steps left out)."""
    objects = [{**item, "position": list(item["position"])} for item in objects]
    overlap, left_world, skipped = False, False, 0
    for item in steps:
        step = read_step(item, len(objects), attributes)
        if step is None:
            skipped += 1
            continue
        index, attribute, value = step
        if attribute == "position":
            words, count = split_move(value)
            for word in words:
                axis, sign = AXIS[word]
                objects[index]["position"][axis] += sign * count * 10
            if not is_inside(objects[index]["position"]):
                left_world = True
        else:
            objects[index][attribute] = value
        if attribute in ("position", "size") and touches(objects, index):
            overlap = True
    return objects, overlap, left_world, skipped


def differing(state, reference):
    """Return the (object, attribute) cells in which a state is not the reference's."""
    cells = set()
    for k, (one, true) in enumerate(zip(state, reference, strict=True)):
        cells |= {(k, name) for name in VOCABULARY if one[name] != true[name]}
        place, true_place = list(one["position"]), list(true["position"])
        if is_visible(true_place):
            agree = place == true_place
        else:
            hidden = is_inside(place) and not is_visible(place)
            agree = hidden and is_inside(true_place)
        if not agree:
            cells.add((k, "position"))
    return cells


def score_row(row):
    attributes = row.get("attributes", ATTRIBUTES)
    target, prediction = row["transformations"], row["prediction"]
    initial = row["initial_objects"]
    final = row.get("final_objects") or carry_out(initial, target, attributes)[0]
    after, overlap, left_world, skipped = carry_out(initial, prediction, attributes)
    dist = len(differing(after, final))
    return {
        "dist": float(dist),
        "norm_dist": dist / max(1, len(target)),
        "loose_correct": dist == 0,
        "correct": dist == 0 and not overlap and not left_world and skipped == 0,
        "err_overlap": overlap,
        "err_invalid_position": left_world,
        "pred_step": len(prediction),
        "target_step": len(target),
        "invalid_steps": skipped,
    }


def score_lists(row):
    """The same without a scene: lists as sets, and the last value written to each cell."""
    attributes = row.get("attributes", ATTRIBUTES)

    def read(items):
        steps = []
        for item in items:
            step = read_step(item, 10, attributes)
            if step is not None and step[1] == "position":
                step = (step[0], "position", str(split_move(step[2])))
            steps.append(step)
        return steps

    target, prediction = read(row["target"]), read(row["prediction"])
    true = {(i, a): v for i, a, v in target}
    said = {(i, a): v for i, a, v in (step for step in prediction if step)}
    dist = sum(true.get(cell) != said.get(cell) for cell in {*true, *said})
    return {
        "dist": float(dist),
        "norm_dist": dist / max(1, len(target)),
        "loose_correct": dist == 0,
        "correct": set(prediction) == set(target),
        "err_overlap": False,
        "err_invalid_position": False,
        "pred_step": len(prediction),
        "target_step": len(target),
        "invalid_steps": prediction.count(None),
    }
