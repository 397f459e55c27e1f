"""Scenes that are made from nothing but a seed, and everything that is true of them.

============================  ==============================================================================
module                        its story
============================  ==============================================================================
`cameras`, `solids`           where cameras, lamps and objects stand; what is seen of them, without drawing it
`render`                      one image of a scene, by `raycast` (torch) or `mitsuba`
`tvr`, `tvr_plan`             the TVR world: scenes, rules, generator; what each scene of a balanced set holds
`multiview`                   scenes that no single image shows whole, and `multiview_questions` about them
`multiview_maps`              their maps from above and the camera's way: ``cogmap`` and ``trajectory``
`route`                       towns, drawn as maps, and the ways through them
`prompts`                     every prompt and wording
`chains`                      chains of thought written from the ground truth
`records`                     scenes as lines of ``data.jsonl`` and as training rows
`show`                        a sample as an image for people
============================  ==============================================================================
"""
