"""Settings of the two sides, and of the daemon itself."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated

from pydantic import SecretBytes, SecretStr
from pydantic_settings import BaseSettings

from daemon.settings import addresses, grammar
from daemon.settings.declare import PLANNED, read_by, setting
from daemon.settings.values import Listen, LogFormat, LogLevel

Secret = Annotated[SecretStr, read_by(lambda text: SecretStr(grammar.secret(text)))]
OptionalSecret = Annotated[SecretStr | None, read_by(lambda text: SecretStr(grammar.secret(text)))]
OptionalKey = Annotated[SecretBytes | None, read_by(lambda text: SecretBytes(grammar.token_key(text)))]
Text = Annotated[str, read_by(grammar.text, "")]
Url = Annotated[str, read_by(addresses.url, "")]
PublicUrl = Annotated[str, read_by(addresses.public_url, "")]
StoreUrl = Annotated[str, read_by(addresses.store_url, "")]
Address = Annotated[Listen, read_by(addresses.listen)]
Rate = Annotated[Decimal, read_by(grammar.rate)]
Boolean = Annotated[bool, read_by(grammar.boolean)]
ClockTime = Annotated[time | None, read_by(grammar.clock_time)]
Level = Annotated[LogLevel, read_by(grammar.one_of(*LogLevel))]
Format = Annotated[LogFormat, read_by(grammar.one_of(*LogFormat))]
Copies = Annotated[int, read_by(grammar.count_between(1, 1000))]
Retention = Annotated[timedelta, read_by(grammar.duration_between("1d", "3650d"))]

tiktok_setting = partial(setting, section="TikTok Shop")
pipe17_setting = partial(setting, section="Pipe17")
connector_setting = partial(setting, section="The connector itself")


class ConnectionSettings(BaseSettings):
    """TIKTOK_..., PIPE17_... and CONNECTOR_...."""

    tiktok_app_key: Secret = tiktok_setting(
        "", "the app's key, from TikTok Shop Partner Center", required=True, secret=True
    )
    tiktok_app_secret: Secret = tiktok_setting("", "the app's secret, from the same page", required=True, secret=True)
    tiktok_service_id: Text = tiktok_setting("", "the app's service id; `connect` needs it to build the authorize link")
    tiktok_refresh_token: OptionalSecret = tiktok_setting(
        "",
        "first token for a shop that is already authorized; once a pair is stored, the stored pair wins",
        secret=True,
    )
    tiktok_shop_id: Text = tiktok_setting("", "which shop, when the grant covers several; otherwise the only one")
    tiktok_api_url: Url = tiktok_setting(
        "https://open-api.tiktokglobalshop.com", "TikTok Shop's API, the same in every market"
    )
    tiktok_auth_url: Url = tiktok_setting("https://auth.tiktok-shops.com", "where tokens are got and refreshed")
    tiktok_authorize_url: Url = tiktok_setting("", "where the owner grants access; empty chooses by market")
    tiktok_requests_per_second: Rate = tiktok_setting("10", "budget per endpoint; adapts down on a 429 and recovers")

    pipe17_api_key: Secret = pipe17_setting("", "the integration's API key", required=True, secret=True)
    pipe17_api_url: Url = pipe17_setting("https://api-v3.pipe17.com/api/v3", "Pipe17's API")
    pipe17_integration_id: Text = pipe17_setting("", "our integration's id; empty learns it from the first own record")
    pipe17_requests_per_second: Rate = pipe17_setting(
        "5", "budget for all calls together; adapts down on a 429 and recovers"
    )

    connector_store_url: StoreUrl = connector_setting(
        "sqlite:///var/connector.db", "the database; with STATE_DIRECTORY set: sqlite:///$STATE_DIRECTORY/connector.db"
    )
    connector_listen: Address = connector_setting(
        "127.0.0.1:9817", "metrics, health, status page and webhooks: host:port or unix:/path"
    )
    connector_public_url: PublicUrl = connector_setting(
        "", "https address of this host; when set, both sides' webhooks are registered at <it>/webhooks/..."
    )
    connector_admin_token: OptionalSecret = connector_setting(
        "", "must come with any state-changing request when CONNECTOR_LISTEN is not loopback or unix", secret=True
    )
    connector_token_key: OptionalKey = connector_setting(
        "", "32 bytes in base64 that encrypt stored tokens; empty leaves them to file mode 0600 alone", secret=True
    )
    connector_log_level: Level = connector_setting("info", "debug, info, warning or error")
    connector_log_format: Format = connector_setting("auto", "json, text or auto, which is json unless on a terminal")
    connector_dry_run: Boolean = connector_setting(
        "false", "read for real, write nothing to either side, record the calls it would make", since=PLANNED
    )
    connector_reconcile_at: ClockTime = connector_setting(
        "03:30", "daily comparison of both sides, local time; or off", since=PLANNED
    )
    connector_backup_at: ClockTime = connector_setting("off", "daily backup, local time; or off", since=PLANNED)
    connector_backup_dir: Text = connector_setting(
        "var/backups", "where backups go; with STATE_DIRECTORY set: $STATE_DIRECTORY/backups", since=PLANNED
    )
    connector_backup_keep: Copies = connector_setting("7", "how many backups are kept", since=PLANNED)
    connector_retention: Retention = connector_setting(
        "90d", "how long finished records and their personal data are kept; 1d or more"
    )
