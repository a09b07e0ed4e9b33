"""Intents and matters of which neither is an honest negative of the other."""

# Intents whose wordings cannot be told apart for certain.
_INTENTS = (
    frozenset({"general_repeat", "general_explain", "general_confirm", "general_negate"}),
    frozenset({"calendar_query", "lists_query", "alarm_query", "datetime_query"}),
    frozenset({"music_likeness", "music_query", "play_music"}),
    frozenset({"audio_volume_down", "audio_volume_mute", "general_commandstop"}),
    frozenset({"iot_hue_lighton", "iot_hue_lightup", "iot_hue_lightchange"}),
    frozenset({"iot_hue_lightdim", "iot_hue_lightoff"}),
    frozenset({"iot_cleaning", "iot_wemo_on"}),
    frozenset({"news_query", "social_query"}),
    frozenset(
        {
            "balance_not_updated_after_bank_transfer", "beneficiary_not_allowed", "declined_transfer",
            "failed_transfer", "pending_transfer", "transfer_not_received_by_recipient", "transfer_timing",
        }
    ),
    frozenset({"balance_not_updated_after_bank_transfer", "balance_not_updated_after_cheque_or_cash_deposit"}),
    frozenset({"pending_top_up", "top_up_failed", "top_up_reverted"}),
    frozenset({"card_arrival", "card_delivery_estimate"}),
    frozenset({"unable_to_verify_identity", "verify_my_identity", "why_verify_identity"}),
    frozenset({"card_not_working", "declined_card_payment", "declined_cash_withdrawal"}),
    frozenset({"card_payment_fee_charged", "cash_withdrawal_charge", "extra_charge_on_statement"}),
    frozenset({"card_payment_wrong_exchange_rate", "wrong_exchange_rate_for_cash_withdrawal", "exchange_rate"}),
    frozenset({"cash_withdrawal_not_recognised", "card_payment_not_recognised", "compromised_card"}),
    frozenset({"get_physical_card", "getting_spare_card", "order_physical_card"}),
    frozenset({"exchange_via_app", "fiat_currency_support", "receiving_money", "supported_cards_and_currencies"}),
    frozenset({"activate_my_card", "card_linking"}),
    frozenset({"delete_account", "terminate_account"}),
    frozenset({"Refund_not_showing_up", "get_refund", "request_refund", "track_refund"}),
    frozenset({"edit_account", "edit_personal_details", "change_shipping_address", "set_up_shipping_address"}),
    frozenset({"passcode_forgotten", "pin_blocked", "recover_password"}),
    frozenset({"contact_customer_service", "contact_human_agent"}),
    frozenset({"get_invoice", "check_invoice"}),
    frozenset({"delivery_period", "track_order"}),
    frozenset({"create_account", "switch_account", "registration_problems"}),
    frozenset({"complaint", "review"}),
)  # fmt: skip
# Matters of which one's answer may tell the other's too.
_MATTERS = tuple(
    frozenset(group.split(", "))
    for group in (
        "wifi, price of wifi", "parking, price of parking, street parking, bike parking", "pets, dogs",
        "ways to pay, credit cards, Apple Pay, Google Pay, cryptocurrency", "smoking, smoking area",
        "alcohol, beer and wine, happy hour", "children, high chairs", "noise, ambience", "check-in time, lowest age",
        "delivery, take-out, drive-through", "vegan food, vegetarian food",
    )
)  # fmt: skip
_CERTAIN = tuple(
    frozenset(pair.split(", "))
    for pair in ("Apple Pay, Google Pay", "delivery, take-out", "vegan food, vegetarian food")
)  # although of one such group: told apart by their very words


def doubted(one: str, other: str) -> bool:
    """Whether a question of one may be a question of the other, or be answered by its answer."""
    groups = (*_INTENTS, *_MATTERS)
    return {one, other} not in _CERTAIN and any(one in group and other in group for group in groups)
