"""`python -m curate`, and so `torchrun … -m curate train`."""

from curate.cli import main

if __name__ == "__main__":
    main()
