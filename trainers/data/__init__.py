"""Making and preparing the data that both stages train on: scenes, images, prompts, chains of thought."""
