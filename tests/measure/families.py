"""Texts that are hard on parsers: one piece, repeated, for each way in which work could grow faster than the text."""

from __future__ import annotations

from itertools import count

COMPLETION_FAMILIES = {
    "less-than": "<",
    "openers": "<think>",
    "closers": "</think>",
    "answer openers": "<answer>",
    "answer closers": "</answer>",
    "empty answers": "<answer></answer>",
    "empty reasoning": "<think></think>",
    "whole completions": "<think>a</think><answer>b</answer>",
    "mentioned answers": "a<answer>b</answer>",
    "half tags": "</thin",
    "other openers": "<thinking>",
    "other reasoning": "<thought>a</thought>",
    "answers in capitals": "<ANSWER>a</Answer>",
    "any tags": "<b>",
    "spaces": " ",
    "newlines": "\n",
    "tag and space": "</think> ",
    "brackets": "[",
    "letters": "a",
}
"""Name -> what is repeated. Each is tried in all the places of `WRAPS`."""

WRAPS = {
    "bare": "{}",
    "in the reasoning": "<think>{}</think><answer>a</answer>",
    "in the answer": "<think>a</think><answer>{}</answer>",
}
"""Where in a completion the repeated text stands."""

ANSWER_FAMILIES = {
    "brackets": "[",
    "closed brackets": "[]",
    "open lists": "[2,",
    "nested pairs": "[[2]",
    "parentheses": "(",
    "pairs": "()",
    "call heads": "change_color(",
    "calls": "change_color(2, 'cyan') ",
    "records": "2.color.cyan, ",
    "records without separator": "2.color.cyan ",
    "half records": "2.color.",
    "faults": "2.color.cyna,",
    "digits": "7",
    "dots": ".",
    "commas": ",",
    "newlines": "\n",
    "spaces": " ",
    "space and comma": "  ,",
    "quotes": '"',
    "emphasis": "*",
    "hyphens": "front-",
    "none": "none ",
    "letters": "a",
    "braces": "{",
    "sets": "{2.color.cyan}, ",
    "keys": '{"a": ',
    "objects": '{"index": 2, "attribute": "color", "value": "cyan"}, ',
    "lists of lists": "[[2.color.cyan], ",
    "half calls in brackets": "[(()",
    "bullets": "- 2.color.cyan\n",
    "bare bullets": "- ",
    "ordinals": "2. ",
    "code fences": "```\n",
    "LaTeX": "\\boxed{2.color.cyan} ",
    "backslashes": "\\",
    "dollars": "$",
    "full stops": "2.color.cyan. ",
    "spaced dots": ". ",
    "and": "2.color.cyan and ",
    "bare and": "and ",
    "full-width commas": "，",
    "carriage returns": "\r",
    "zero-width spaces": "\u200b",
    "announcements": "answer: ",
    "odd digits": "\u0662",
    "surrogates": "\ud800",
}
"""Name -> what is repeated."""


# fmt: off
QUESTION_FAMILIES = {
    "references": (
        "[", "]", "[]", "[a", "[a,", "[,", "[a,b,c", "[a,b,c]", "[a][", "[ ,", "[1,2]", "[[a,b,c],", "a", "a ",
        "\n", " ", '"', "'", "{", "}", "(", "(a,", "(a,b,left)", "(a,(b,", '["a","b","on"],\n', '["a",', '[\n"a"', '"view 1": ', '"1": ', "{1: [",
        "In image 1, ", "In ", "View_", "view 1, a", "View 1 shows ", "So\n", "A a\n", "，", "】", "\u200b", "View 1:", "View 1 ", "View ", "V", "I", "view 1\n", "**", "#", "# ", "# a\n", "- 1. ",
        "\n- 1. ", "A:\n", "step ", "A b c ", "\na a a a ", "mapping ", "mapping:\n", "1", "View 1 (",
        "*View 1*", "_", ":", "：", "a:", "\nA a", "[a,b,c]\n",
        "| a ", "|a|b|left|", '{"a": "b", ', "[a; ", "View 1 & ", "now view 1 ",
    ),
    "choice": (
        "A", "A ", "A.", "A,", "(", "(A", "(A)", "((", "*", "**A", "`", "\\", "\\boxed{", "A or ", "or ",
        "not ", "the ", "the correct ", "option ", "answer is ", "answer:", "A\n", "\n", " ", "A. b ", "no, ",
        "yes ", "so ", "So A ", "it is ", "it is A ", "答案", "答案是A", "选", "不选A", "A还是", "是", "—", "- ", "because ", "yes it ", "no and ", "，A",
        "\u200b", "Ａ", "A to ", "the answer is clearly ", "A.B.", "A'", "é", "-", "A (", "b, ", "option A ",
        "B? ", "maybe A ", "A then ", "not A, ", "<b>", "<", "</b",
    ),
    "number": (
        "1", "1 ", "1,", ",000", "1,000", " 000", "1.", ".", ".1", "-", "1-", "1e", "1e1", "10^", "10^1 ",
        "×10^1", "/1", "1/1", "m", " m", "a", "a.", "a-", "a1", "1a", "٣", "_", "{", "1 m ", "\\text{", "in ",
        "meters", "1 in ", "½", "1 ½ ", "10³", "×10³", "two ", "two or ", "two m ", "twenty ", "image 1 ", "image ", "images 1, ", "images 1 and ", "米", "1米",
        "1\u3000", "\u200b", "^\\circ",
        "1 + ", "> ", "at least ", "1 or more ", "√1 ", "<b>", "<", "三个", "1 and a half ",
    ),
    "correspondences": (
        "view 1 ", "the cube in view 1 and ", "image 1 is the ", "the same ", "both views ", "object 1 ", "a, ", ":", "(", "|", "| a ",
        "view 1: a. view 2: the same a. ", "In image 1, ", " ", "\n", "images 1, ", "not ", "-> ", "initial: ", "no change ", "so, ", "'s ",
    ),
    "box": (
        "1", "1 ", "1.", "-", "a1", "[", "] ", "nan", '"label": "', "'label': '", "1,", "x", " ", "1e", "x1=1,",
        "[1, 2, 3, 4] ", "(1,2),", "<box>", '"bbox_2d": [',
    ),
    "set": (",", "and ", "a,", "[", "1. ", "`", " ", "a ", "none", '"a",', "<b", "...", '{"a": ['),
    "map": ("{", "[", '{"objects": [', '"', "1", "\\", '{"a":', "[1, 2], ", '{"name": "a", "position": [1, 2]}, ', " ", "x"),
}
# fmt: on
"""Kind of text -> what is repeated in it: the parsers of questions."""


def repeated(unit: str, size: int) -> str:
    """Return a unit as often as it fits into *size* characters."""
    return unit * (size // len(unit))


def numbered(unit: str, size: int) -> str:
    """Return a unit with other digits each time, so that no piece is remembered from before."""
    pieces, length = [], 0
    for number in count(100):
        piece = unit.replace("2", str(number))
        length += len(piece)
        if length > size:
            break
        pieces.append(piece)
    return "".join(pieces)
