"""MindCube (mll-lab-nu/MindCube): multiple choice over a few views of one scene, and cognitive maps."""
