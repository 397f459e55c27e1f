"""BLINK (zeyofu/BLINK_Benchmark): choices about one or several images; multi-view reasoning is one of its 14 tasks."""
