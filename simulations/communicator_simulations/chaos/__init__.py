"""Real processes under real faults: what is killed, paused, filled up, restored, cut off, and what holds then."""
