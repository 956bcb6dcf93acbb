"""Which function carries out which command and answers which private read."""

from chassis.service import build
from contracts.profiles import (
    ChangeConsent,
    ErasePerson,
    ExportPerson,
    ImportPeople,
    PreviewImport,
    ReadImport,
    RegisterOrganization,
    SaveProfile,
    UpdateOrganization,
)
from services.profiles.commands import (
    change_consent,
    erase_person,
    import_people,
    register_organization,
    save_profile,
    update_organization,
)
from services.profiles.reads import export_person, preview_import, read_import
from services.profiles.store.catalog import current_facts

app = build(
    "profiles",
    commands={
        RegisterOrganization: register_organization,
        UpdateOrganization: update_organization,
        SaveProfile: save_profile,
        ImportPeople: import_people,
        ChangeConsent: change_consent,
        ErasePerson: erase_person,
    },
    queries={PreviewImport: preview_import, ReadImport: read_import, ExportPerson: export_person},
    catalog=current_facts,
)
