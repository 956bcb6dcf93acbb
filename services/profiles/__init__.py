"""Organizations and their people: profiles, consents, onboarding from files, a person's export, erasure.

Owns: organizations, people, their contacts and consents, imports and their reports, traces of erasures.
Consumes: nothing; everything here begins with somebody's command.
Emits: OrganizationRegistered, OrganizationUpdated, ProfileUpdated, ConsentChanged, ProfileErased, ContactChanged
"""
