"""Many scenarios out of one: grids and Latin hypercubes over any parameter, resumable, on one machine or many.

| module | holds |
|---|---|
| `parameters.py` | the dotted name of every parameter, and a scenario with other values |
| `design.py` | what is varied, and which points of that space are run |
| `tasks.py` | the runs of all points, each named by the hash of what decides it |
| `store.py` | finished runs as files, checked whenever they are read |
| `cluster.py` | the same jobs on a Dask cluster |
| `running.py` | what is missing is run; tables of what was found |
"""
