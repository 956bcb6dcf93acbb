"""`python -m deploy …` is `viceversa …`."""

from deploy.cli import main

main()
