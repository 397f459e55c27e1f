"""``star view``: completions with their images, group by group, in a browser.

`reading` is files to blocks of rows, `index` scores them once and keeps numbers, `listing` filters and sorts groups,
`detail` shows one group, `images` finds its images, `app` serves all of that on loopback, and `single` writes it as one
file. ``page.html``, ``page.css`` and the scripts are what a browser gets in both cases.
"""
