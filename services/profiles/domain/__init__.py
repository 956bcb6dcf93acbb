"""The rules of organizations, people, consents, onboarding and erasure: pure, no clock, no I/O."""
