#!/usr/bin/env python3
"""The other half of test_why.py: faults on the way to the proof and at the targets."""
from harness import main
from test_why import explain_all, world_of


def faults_of_proofs_are_explained():
    with world_of("proofs") as world:
        world.start_bind(["example.test"])
        world.stop(world.sandbox)
        world.start_sandbox()
        explain_all("proofs", world)


def faults_at_targets_are_explained():
    with world_of("targets") as world:
        explain_all("targets", world)


if __name__ == "__main__":
    main([faults_of_proofs_are_explained, faults_at_targets_are_explained])
