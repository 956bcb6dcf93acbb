"""The one topic of the matching service's facts."""

TOPIC = "viceversa.matching"
