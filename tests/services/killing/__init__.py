"""Services that are killed with SIGKILL under load, again and again, and a judge who knows what was acknowledged.

Theory. What a success confirms is durable when it is answered (SVC-8). Whoever asks keeps a ledger of what he was told,
and repeats what was not answered; the judge holds the service against the ledgers, while the load goes on and at the
end. Each loader asks one thing after the other, so what he may expect is known exactly; many of them together are the
load. ::

    nursery ──fork──▶ service ◀──HTTP── loaders, each with a ledger ──▶ violations
                        ▲                                                   │
    campaign ──SIGKILL──┘  and starts it again on the same database    judge at the end

Rules:

1. Processes, signals and databases are real. Only the imports of a service are shared: it is forked from a process that
   has loaded them, so that a start costs what a start does and not what Python does.
2. A kill counts when requests were under way: whoever had asked and got no answer says so.
3. The judge must be able to fail: `chaos.planted` has services that break the promise, and a test that each is found.
"""
