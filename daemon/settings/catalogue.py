"""Settings of the catalogue: products, the help of an AI with attributes, and stock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated

from pydantic_settings import BaseSettings

from daemon.settings import grammar
from daemon.settings.connection import Boolean, OptionalSecret, Text, Url
from daemon.settings.declare import NOW, PLANNED, read_by, setting
from daemon.settings.flows import Pairs
from daemon.settings.values import AiProvider, Buffer, MissingAttributes

PROPERTIES = ("title", "description", "images", "price", "attributes", "variants", "package")

Selection = Annotated[tuple[str, ...] | None, read_by(grammar.selection)]
"""None: all of them."""
Properties = Annotated[tuple[str, ...] | None, read_by(grammar.selection_of(*PROPERTIES))]
Names = Annotated[tuple[str, ...], read_by(grammar.names, ())]
StatusMap = Annotated[Mapping[str, str], read_by(grammar.pairs_to("activate", "deactivate", "keep"), grammar.NO_PAIRS)]
Missing = Annotated[MissingAttributes, read_by(grammar.one_of(*MissingAttributes))]
Provider = Annotated[AiProvider, read_by(grammar.one_of(*AiProvider))]
KeptBack = Annotated[Buffer, read_by(grammar.buffer)]
Staleness = Annotated[timedelta, read_by(grammar.duration_between("5m", "7d"))]
Share = Annotated[Decimal, read_by(grammar.share)]

product_setting = partial(setting, section="Products", since=PLANNED)
stock_setting = partial(setting, section="Inventory")


class CatalogueSettings(BaseSettings):
    """PRODUCTS_..., AI_... and INVENTORY_...."""

    products_prepare: Boolean = product_setting(
        "false", "prepare for product push: find errors, write nothing to TikTok"
    )
    products_update_only: Properties = product_setting("all", f"update only these: {', '.join(PROPERTIES)}")
    products_attribute_map: Pairs = product_setting("", "Pipe17 attribute:TikTok attribute, such as color:colour,...")
    products_child_image_as_variant_image: Boolean = product_setting(
        "true", "upload the first image of a child product as the variant's image"
    )
    products_sync_status: Boolean = product_setting("false", "allow Pipe17 to activate and deactivate products")
    products_status_map: StatusMap = product_setting(
        "active:activate,inactive:deactivate", "Pipe17 status:what to do, one of activate, deactivate, keep"
    )
    products_recover_deleted: Boolean = product_setting("true", "allow Pipe17 to recover deleted products")
    products_block_inconsistent_variants: Boolean = product_setting(
        "true", "block an update whose variants are inconsistent"
    )
    products_missing_attributes: Missing = product_setting(
        "exception", "ai or exception: where missing values come from"
    )
    products_only_required_attributes: Boolean = product_setting(
        "false", "pull the values of required attributes only", since=NOW
    )
    products_ai_skus: Selection = product_setting("all", "SKUs that may get AI values: a list or all")
    products_ai_skus_except: Names = product_setting("", "SKUs that never get AI values")
    products_ai_attributes: Selection = product_setting("all", "attributes that may get AI values: a list or all")
    products_ai_attributes_except: Names = product_setting("", "attributes that never get AI values")
    products_promotions: Boolean = product_setting("false", "show compare-at prices through the promotion feature")
    ai_provider: Provider = product_setting(
        "tiktok", "tiktok (its own recommendation) or openai (any compatible endpoint)"
    )
    ai_url: Url = product_setting("", "the endpoint, for openai")
    ai_model: Text = product_setting("", "the model's name, for openai")
    ai_api_key: OptionalSecret = product_setting("", "the endpoint's key, for openai", secret=True)

    inventory_resync_on_start: Boolean = stock_setting(
        "true", "a restart that is asked for sends every level again, once; a crash starts nothing"
    )
    inventory_location: Text = stock_setting("", "push the stock of this one Pipe17 location only")
    inventory_total_to_default: Boolean = stock_setting(
        "false", "send the total of all locations to the default warehouse"
    )
    inventory_skus: Selection = stock_setting("all", "SKUs whose stock is pushed: a list or all")
    inventory_location_map: Pairs = stock_setting("", "Pipe17 location id:TikTok warehouse id,...")
    inventory_locations_except: Names = stock_setting(
        "", "Pipe17 location ids whose stock is never sold on TikTok, such as a shop floor"
    )
    inventory_stale_after: Staleness = stock_setting(
        "1h", "how long stock may go unconfirmed before nothing is pushed any more, 5m to 7d; until then it only falls"
    )
    inventory_buffer: KeptBack = stock_setting("0", "stock kept back: units such as 3, or a share such as 10%")
    inventory_guard: Share = stock_setting(
        "30%", "a cycle that would set more than this share of the catalogue to zero stops and asks"
    )
