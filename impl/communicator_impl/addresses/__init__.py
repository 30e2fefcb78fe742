"""Addresses: both profiles of chapter 2, from issuing to spending.

A recipient registers one root for each relationship at each of its receiving services. From it come
addresses that are good for one message each. `two_layer` is the mandatory profile, `label` the
recommended one; `values` has the types of both, `config` what a service publishes, `schedule` its
secret keys.
"""

from communicator_impl.addresses.config import Generation, ServiceConfig
from communicator_impl.addresses.label import (
    LabelGrant,
    LabelResolution,
    LabelRoot,
    LabelTable,
    Position,
    derive_label,
    seal_labelled,
)
from communicator_impl.addresses.schedule import KeySchedule, SecretGeneration
from communicator_impl.addresses.two_layer import (
    SpentBlock,
    TwoLayerRegistration,
    TwoLayerResolution,
    TwoLayerRoot,
    TwoLayerTable,
    diversify,
)
from communicator_impl.addresses.values import (
    EpochKey,
    Label,
    Profile,
    Rda,
    Rdas,
    Root,
    Sda,
    SealingKey,
    round_up_to_hour,
)

__all__ = [
    "EpochKey",
    "Generation",
    "KeySchedule",
    "Label",
    "LabelGrant",
    "LabelResolution",
    "LabelRoot",
    "LabelTable",
    "Position",
    "Profile",
    "Rda",
    "Rdas",
    "Root",
    "Sda",
    "SealingKey",
    "SecretGeneration",
    "ServiceConfig",
    "SpentBlock",
    "TwoLayerRegistration",
    "TwoLayerResolution",
    "TwoLayerRoot",
    "TwoLayerTable",
    "derive_label",
    "diversify",
    "round_up_to_hour",
    "seal_labelled",
]
