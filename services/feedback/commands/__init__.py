"""One function per write. Every one of them holds its pair first, so that two writes of one pair come one after the other."""
