"""What theory expects at a point of a study, before anything runs.

Each is a number that follows from the scenario and the policy alone, so that a conclusion can hold a measured figure
against it, and a figure can use it as an axis.
"""

import math
from collections.abc import Mapping

from communicator_simulations.scenario import Policy, Scenario

__all__ = ["expected", "market_share"]

_HOUR_MS = 3_600_000


def market_share(scenario: Scenario) -> float:
    """Return the chance that the provider under study is a person's first choice: Zipf's law over all providers."""
    people, k = scenario.people, scenario.fault.provider
    weights = [math.pow(n + 1, -people.zipf) for n in range(people.providers)]
    return weights[k] / sum(weights)


def expected(scenario: Scenario, policy: Policy) -> Mapping[str, float]:
    """Return everything that is expected, by name.

    ================================  ===================================================================
    `market_share`                    of people, whose first choice the provider under study is
    `both_there_share`                of relationships, in which it is that of both, if choices are apart
    `either_there_share`              of relationships, in which it is that of one of them at least
    `…_h`                             the policy's terms, in hours (`ephemeral_lifetime_h`, …)
    ================================  ===================================================================
    """
    share, terms = market_share(scenario), policy.terms(scenario.profile)
    hours = {
        name.removesuffix("_ms") + "_h": getattr(terms, name) / _HOUR_MS
        for name in terms.__struct_fields__ if name.endswith("_ms")
    }  # fmt: skip
    return {"market_share": share, "both_there_share": share**2, "either_there_share": 1 - (1 - share) ** 2, **hours}
