"""The four stages. Each does its work through `context.storage`, so that a dry run can note it."""

import plistlib
import tomllib
from typing import Any

from stagemake import BaseStage, DependencyOrder, StageContext, StageDependency
from stagemake_opencore.components import FOLDERS, read_component
from stagemake_opencore.image import packed


class Gather(BaseStage):
    """Unpack the component archives."""

    name = "opencore.gather"
    inputs = ("archives",)
    outputs = ("build/gathered/",)
    provides = ("opencore.components",)  # name, version, kind and files of each

    def dependencies(self) -> list[StageDependency]:
        """Say that the configuration is there by now; it always is."""
        return [StageDependency("core.config_load", DependencyOrder.BEFORE, required=False)]

    def execute(self, context: StageContext) -> None:
        """Write the files of all archives, each component's in a directory of its name."""
        context.shared["opencore.components"] = self.unpack(context)

    def plan_operations(self, context: StageContext) -> None:
        """Note the same writes; the archives can be read before anything is done."""
        self.unpack(context)

    def unpack(self, context: StageContext) -> list[dict[str, Any]]:
        """Do it; return what the archives say of themselves, sorted by name."""
        context.storage.mkdir("build/gathered")
        components = []
        for path in sorted(context.inputs[0].glob("*.zip")):
            about, files = read_component(path)
            for name, data in files.items():
                context.storage.write(f"build/gathered/{about['name']}/{name}", data)
            components.append(about)
        return sorted(components, key=lambda about: about["name"])


class Edit(BaseStage):
    """Edit the property list."""

    name = "opencore.edit"
    inputs = ("config/base.plist", "config/edits.toml")
    outputs = ("build/config.plist",)
    uses = ("opencore.components",)

    def execute(self, context: StageContext) -> None:
        """Enable what was gathered, and set what the edits say."""
        base, edits = context.inputs
        config = plistlib.loads(base.read_bytes())
        of_kind: dict[str, list[dict[str, Any]]] = {kind: [] for kind in FOLDERS}
        for about in context.shared["opencore.components"]:
            of_kind[about["kind"]].append(about)
        config["Kernel"]["Add"] = [
            {"BundlePath": about["name"], "Comment": about["version"], "Enabled": True}
            for about in of_kind["kext"]
        ]
        config["UEFI"]["Drivers"] = [name for about in of_kind["driver"] for name in about["files"]]
        for section, values in tomllib.loads(edits.read_text("utf-8")).items():
            config.setdefault(section, {}).update(values)
        context.storage.write("build/config.plist", plistlib.dumps(config))


class Assemble(BaseStage):
    """Put everything in its place."""

    name = "opencore.assemble"
    inputs = ("build/gathered", "build/config.plist")
    outputs = ("build/EFI/",)
    uses = ("opencore.components",)
    provides = ("opencore.size",)  # bytes of all files

    def execute(self, context: StageContext) -> None:
        """Copy the files of each component, and the property list."""
        storage, size = context.storage, 0
        for about in context.shared["opencore.components"]:
            for name in about["files"]:
                source = f"build/gathered/{about['name']}/{name}"
                folder = FOLDERS[about["kind"]]
                below = f"{about['name']}/{name}" if about["kind"] == "kext" else name
                storage.copy(source, "/".join(filter(None, ["build/EFI/OC", folder, below])))
                if name == "BOOTx64.efi":
                    storage.move("build/EFI/OC/BOOTx64.efi", "build/EFI/BOOT/BOOTx64.efi")
                size += len(storage.read(source))
        storage.copy("build/config.plist", "build/EFI/OC/config.plist")
        context.shared["opencore.size"] = size + len(storage.read("build/config.plist"))


class Compile(BaseStage):
    """Pack the tree into a tar archive."""

    name = "opencore.compile"
    inputs = ("build/EFI",)
    outputs = ("dist/opencore.tar",)
    uses = ("opencore.size",)

    def execute(self, context: StageContext) -> None:
        """Write the image; the same tree gives the same bytes."""
        data = packed(context.inputs[0])
        print(f"{context.shared['opencore.size']} bytes in an image of {len(data)}")
        context.storage.write("dist/opencore.tar", data)
