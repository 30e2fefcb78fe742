"""Parameters of the standard, read once from `parameters.toml` into frozen values.

Rules:

1. One table. A number or label that two implementations must share stands in the TOML file and
   nowhere else.
2. The loader is strict: a key that no field names, a field that no key fills or a wrong type stops
   the program.
3. To add a section, add a frozen Struct with its fields and one field of that name to `Parameters`.
"""

from importlib.resources import files

import msgspec

__all__ = [
    "PARAMETERS",
    "AddressParameters",
    "AttachmentParameters",
    "ContentParameters",
    "DeliveryParameters",
    "DirectoryParameters",
    "EnvelopeParameters",
    "ExtensionParameters",
    "HybridParameters",
    "Parameters",
    "ResyncParameters",
    "ServiceParameters",
    "SessionParameters",
    "SizesParameters",
    "StateParameters",
    "SuiteParameters",
    "TokenParameters",
    "load",
]


class SuiteParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Algorithms of suite 1 and their lengths."""

    number: int
    kem_id: int
    kdf_id: int
    aead_id: int
    public_key_bytes: int
    secret_key_bytes: int
    signature_bytes: int
    tag_bytes: int
    hash_bytes: int


class AddressParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both address profiles (chapter 2)."""

    two_layer_profile: int
    label_profile: int
    root_bytes: int
    label_bytes: int
    epoch_key_bytes: int
    index_max: int
    lane_max: int
    epoch_max: int
    generation_max: int
    date_granularity_s: int
    hours_max: int
    rda_bytes: int
    rdas_bytes: int
    sda_bytes: int
    label_window: int
    lifetime_ephemeral_s_max: int
    lifetime_long_term_s_max: int
    batch_ephemeral: int
    batch_long_term: int
    grant_capacity_max: int
    uri_bytes_max: int
    generations_max: int
    inner_label: str
    outer_label: str
    signature_label: str
    seal_label: str
    epoch_label: str
    config_label: str


class EnvelopeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What travels, and how large it may be (chapter 3)."""

    version: int
    request_bytes_max: int
    device_bytes_max: int
    ciphertext_classes_bytes: tuple[int, ...]
    nesting_max: int
    body_version: int
    digest_bytes: int
    services_max: int
    grants_max: int
    received_ranges_max: int
    number_max: int


class SessionParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys, key agreement and ratchet (chapter 4)."""

    version: int
    package_id_bytes: int
    package_lifetime_s_max: int
    backdate_s: int
    package_grace_s: int
    opening_bytes: int
    opening_sealed_bytes: int
    salt_bytes: int
    header_bytes: int
    header_sealed_bytes: int
    overhead_bytes: int
    length_prefix_bytes: int
    skip_max: int
    chain_keys_max: int
    stored_keys_max: int
    receiving_chains_max: int
    binding_label: str
    package_label: str
    agreement_label: str
    opening_label: str
    root_label: str
    message_label: str


class HybridParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What suite 2 has beyond suite 1 (chapters 4 and 12)."""

    kem_id: int
    public_key_bytes: int
    secret_key_bytes: int
    encapsulated_key_bytes: int
    opening_secret_bytes: int
    opening_bytes: int
    opening_sealed_bytes: int
    restart_key_bytes: int
    first_room_bytes: int
    first_set_bytes: int


class StateParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Address state: how many services, how long addresses live, when they are renewed (chapter 5)."""

    receiving_services_min: int
    sending_services_min: int
    long_term_lifetime_s: int
    long_term_refresh_s: int
    ephemeral_lifetime_s: int
    ephemeral_refresh_s: int
    label_capacity: int
    dead_after_s: int
    announce_spread_s: int


class DeliveryParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Delivery: delays, escalation, queues (chapter 6)."""

    receipt_delay_s_min: int
    receipt_delay_s_max: int
    escalate_after_s: int
    message_lifetime_s: int
    queue_lifetime_s: int
    retry_s_min: int
    retry_s_max: int
    unreachable_notice_s: int
    suspect_s: int


class ServiceParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """HTTP interfaces of the four services (chapter 8)."""

    document_version: int
    document_path: str
    document_bytes_max: int
    document_max_age_s: int
    json_bytes_max: int
    access_key_bytes: int
    access_key_label: str
    ticket_bytes: int
    submission_bytes_max: int
    delay_mean_s_max: int
    long_poll_s_max: int
    fetch_messages_max: int
    confirm_numbers_max: int
    batched_notice_s: int
    root_messages_max: int
    root_epochs_max: int
    root_idle_s: int


class TokenParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens of RFC 9578, type 0x0002 (chapter 9)."""

    type: int
    nonce_bytes: int
    challenge_digest_bytes: int
    key_id_bytes: int
    authenticator_bytes: int
    token_bytes: int
    request_bytes: int
    salt_bytes: int
    exponent: int
    epoch_s: int
    redeem_grace_s: int
    batch: int
    stock_min: int


class AttachmentParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files beside messages (chapter 10)."""

    chunk_bytes: int
    chunk_plain_bytes: int
    chunks_max: int
    file_bytes_max: int
    key_bytes: int
    nonce_bytes: int
    length_bytes: int
    digest_bytes: int
    lifetime_s_min: int
    lifetime_s_max: int
    locations_max: int
    per_message_max: int
    tokens_max: int
    name_bytes_max: int
    uri_bytes_max: int
    label: str


class ContentParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What messages carry (chapter 11)."""

    version: int
    type_bytes_max: int
    text_type: str
    profile_type: str
    profile_name_bytes_max: int
    profile_pronouns_bytes_max: int


class DirectoryParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Directory services and their log (chapter 8)."""

    version: int
    name_bytes_max: int
    entry_bytes_max: int
    contact_bytes_max: int
    contacts_upload_max: int
    contacts_stored_max: int
    leaves_max: int
    head_max_age_s: int
    proof_hashes_max: int
    entry_label: str
    name_label: str
    head_label: str


class ResyncParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Re-synchronisation after a restored backup (chapter 12)."""

    attempts_max: int
    window_s: int
    clock_skew_s: int
    position_skip: int
    position_skip_again: int
    serial_gap: int
    label: str


class ExtensionParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that are taken or reserved (chapter 13)."""

    suite_hybrid: int
    suite_sparse: int
    command_read: int
    command_resync: int
    commands_group: tuple[int, int]
    commands_introduction: tuple[int, int]
    commands_merge: tuple[int, int]
    commands_attestation: tuple[int, int]
    commands_recovery: tuple[int, int]
    commands_device: tuple[int, int]
    commands_private: tuple[int, int]


class SizesParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sums that follow from the other sections."""

    seal_overhead_bytes: int
    inner_bytes: int
    label_overhead_bytes: int
    two_layer_request_bytes: int
    label_request_bytes: int
    delivery_bytes_max: int
    room_bytes: int
    first_room_bytes: int
    identity_bytes: int
    first_set_bytes: int
    id_random_bytes_min: int
    fingerprint_bytes: int


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All sections of the table."""

    suite: SuiteParameters
    address: AddressParameters
    envelope: EnvelopeParameters
    session: SessionParameters
    hybrid: HybridParameters
    state: StateParameters
    delivery: DeliveryParameters
    service: ServiceParameters
    token: TokenParameters
    attachment: AttachmentParameters
    content: ContentParameters
    directory: DirectoryParameters
    resync: ResyncParameters
    extension: ExtensionParameters
    sizes: SizesParameters


def load(text: bytes | None = None) -> Parameters:
    """Parse a parameter table; without an argument, the one of the standard."""
    source = files("communicator_spec").joinpath("parameters.toml").read_bytes()
    return msgspec.toml.decode(source if text is None else text, type=Parameters)


PARAMETERS = load()
