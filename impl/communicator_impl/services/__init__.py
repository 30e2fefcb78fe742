"""The services over HTTP, on a database: the only HTTP and the only storage of the project.

`settings` says what an operator chooses, `schema` what is stored, `database` how; `http` is the frame of every
endpoint, `receiving` and `sending` have the endpoints, each with its store; `serve` runs them.
"""
