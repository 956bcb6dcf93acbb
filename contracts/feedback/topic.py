"""The one topic of the feedback service's facts."""

TOPIC = "viceversa.feedback"
