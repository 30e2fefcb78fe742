"""Studies and their reports, and the command `communicator`.

The top layer: it starts what the layers below compute, keeps the results as files, and draws a report from these files.

    commands/      one module per subcommand; they parse, print and choose the exit code, and decide nothing else
    wishes, simulation, study     from what was asked for to a folder of results
    findings, figures/, paper     from a folder of results to a document: prose, figures, tables
    page, pdf, report             from a document to `index.html` and `report.pdf`
"""
