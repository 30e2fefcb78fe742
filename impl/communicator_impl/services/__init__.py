"""The services over HTTP, on a database: the only HTTP and the only storage of the project.

`settings` says what an operator chooses, `schema` what is stored, `database` how; `http` is the frame of every
endpoint, `receiving` and `sending` have the endpoints, each with its store; `serve` runs them. `directory` and
`authorization` have theirs, with settings, tables and store beside them; `process` runs one of the two, and
`directory_watch` is a reader of a directory.
"""
