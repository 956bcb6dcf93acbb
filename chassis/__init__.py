"""What every service stands on: settings, database, outbox, inbox, broker, HTTP, identity, telemetry. Knows no word of the business."""
