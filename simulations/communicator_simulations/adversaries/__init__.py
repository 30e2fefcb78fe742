"""Adversaries: what can be told about people from what services and correspondents saw, and how surely.

Theory. An adversary is a function of a *view*: what its place saw of a run, without the truth. It gives every candidate
a score; who the right candidates are is known to the judge alone (`ranking`). So every adversary is measured alike, and
what a defence is worth is the difference of two measurements.

| module | attack | source |
|---|---|---|
| `equality` | equal addresses, close lengths | |
| `intersection` | who is never missing; who leaves mail waiting when the other fetches | Berthold et al. 2000 |
| `disclosure` | statistical disclosure, by two backgrounds | Danezis 2003; Mathewson and Dingledine 2004 |
| `least_squares` | all profiles at once | Pérez-González and Troncoso 2012; Oya et al. 2014 |
| `sealed_sender` | who receives soon after the target does | Martiny et al. 2021 |
| `migration` | the old and the new address; two services of one person | |

`traffic` takes views from the event log, `questions` says which observer asks what, `experiment` runs arms that differ
(the scenarios `observers`, `receipts` and `defences`), `cover` adds cover messages, `pareto` weighs what is hidden
against what it costs.

Rules:

1. An attack sees a view and numbers of targets. It never sees who a thing belongs to.
2. Randomness comes from the seed that is given, by labelled draws: the same log gives the same scores.
3. Whatever an adversary is assumed to know beside its view stands in the docstring of its module.
"""
