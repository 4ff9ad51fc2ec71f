"""The core stages: the steps of stagemake's own session, for plugins and programs to hang stages on.

They run in this order. A project's pipeline runs between `READY` and `SHUTDOWN`.
"""

BOOTSTRAP = "core.bootstrap"
"""Find the plugins that take part, and their versions."""

PLUGIN_LOAD = "core.plugin_load"
"""Import what they bring."""

PLUGIN_INIT = "core.plugin_init"
"""Make and check it; register stages, pipelines and hooks."""

CONFIG_LOAD = "core.config_load"
"""Run the Stagefile, and bring in the plugins that it names."""

UI_INIT = "core.ui_init"
"""Open reporters: the terminal's and those of plugins."""

READY = "core.ready"
"""Check what is chosen by name, and say which plugins are broken."""

SHUTDOWN = "core.shutdown"
"""Close reporters. Runs also after a failure or an interrupt."""

IN_ORDER = (BOOTSTRAP, PLUGIN_LOAD, PLUGIN_INIT, CONFIG_LOAD, UI_INIT, READY, SHUTDOWN)

PREFIX = "core."
