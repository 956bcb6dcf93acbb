"""Fire drills: a platform under load whose parts are killed, frozen and lied to, and an oracle that looks for what was lost."""
