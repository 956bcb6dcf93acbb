"""Where things lie: the project, and what a platform on this machine writes about itself."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = "platform.json"
