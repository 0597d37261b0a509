"""`python -m benchmarks.graph`."""

from benchmarks.graph.score import main

main()
