"""The rules of notifications: who is told what, in which words, when a mail may go, and when silence is noticed. No I/O, no clock."""
