"""The settings: what a merchant may write in the environment or in an env file, and how it is read.

One way in, `load_settings`: it gathers every variable with the place it came from, reads and checks all of them, and
either gives a frozen `Settings` or raises one `SettingsError` with every problem in it. Attribute names are the
variable names in lower case: `ORDERS_HOLD` is `settings.orders_hold`.

    values.py       the small types a setting can have (a direction, a listening address, a buffer ...)
    grammar.py      text -> value, with errors that say what is accepted (addresses.py: hosts, URLs, the store)
    declare.py      how one setting is written down: type, default, one line of explanation, version
    connection.py, flows.py, catalogue.py      the settings themselves, by chapter; model.py puts them together
    envfile.py, sources.py      where texts come from: environment, env file, credential files
    load.py         all of it in one pass, then the checks that need two settings
    show.py         the effective settings, config.example.env and the README's table, from the same declarations
"""

from daemon.settings.load import load_settings, planned_in_use
from daemon.settings.model import Settings
from daemon.settings.show import Effective, effective, example, readme_table

__all__ = ["Effective", "Settings", "effective", "example", "load_settings", "planned_in_use", "readme_table"]
