"""The services over HTTP, on a database: the only HTTP and the only storage of the project.

`host` runs a process: any services of one origin, each of them a `part`. `settings` reads what an operator chooses
(`sections`), `schema` says what is stored, `database` how; `listening` is the server, `http` the frame of every
endpoint, `published` the document. `receiving` and `sending` have the endpoints of the two parts `receiving_part` and
`sending_part`, `directory` and `authorization` are parts with theirs, each with its store; `issuers` and `paying` take
tokens, and `directory_watch` is a reader of a directory.
"""
