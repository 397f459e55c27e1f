"""VSI-Bench (vision-x-nyu/thinking-in-space) and ReVSI (3dlg-hcvc/revsi): choices and numbers about videos of rooms."""
