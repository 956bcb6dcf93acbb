"""One async function per write: ``async (command, tx) -> list[Event]``."""
