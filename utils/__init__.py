"""What the notebooks, the lab and the tests share; importing it runs nothing."""
